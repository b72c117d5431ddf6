"""Canonical JSON against its referee, the reference implementation of RFC 8785."""

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from audit.canonical import canonical_bytes

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
@example({"\U0001f600": 1, "\uffff": 2, "a": '\u007f\u2028/\\"\x00\x1f\b\f\n\r\t'})
@example({"b": [True, None, 1, "é"], "a": (1, 2)})
def test_what_is_written_is_what_the_reference_writes(value: object) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # any JSON


@pytest.mark.parametrize(
    "value", [2**53, [-(2**53)], {1: 2}, "\ud800", {"a": float("nan")}, {"a": {1}}, b"a"]
)
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_bytes(value)


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deeply"):
        canonical_bytes(endless)
