"""What a check is not to see is said with the reason on the line."""

import re
import tokenize

from tests.architecture import source

SUPPRESSION = re.compile(r"^# (noqa|type: ignore)\b", re.IGNORECASE)
WITH_A_REASON = re.compile(
    r"(noqa: [A-Z0-9, ]+|type: ignore\[[\w, -]+\]) +[-#] \w+", re.IGNORECASE
)


def comments() -> list[tuple[str, str]]:
    """Every comment, with the place where it stands."""
    found = []
    for path in source.python_files():
        with path.open("rb") as file:
            found += [
                (f"{source.name(path)}:{token.start[0]}", token.string)
                for token in tokenize.tokenize(file.readline)
                if token.type == tokenize.COMMENT
            ]
    return found


def test_every_suppression_names_its_rule_and_its_reason() -> None:
    bare = [
        f"{place}: {comment}"
        for place, comment in comments()
        if SUPPRESSION.search(comment) and not WITH_A_REASON.search(comment)
    ]
    assert not bare
