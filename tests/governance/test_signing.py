"""Signatures hold for exactly what was signed, by exactly the key that signed."""

import base64

import pytest

from governance import signing

STATEMENT = {"kind": "test", "n": 1, "said": "yes"}


def test_a_signature_holds_for_what_was_signed_whatever_the_order_of_its_members() -> None:
    private = signing.new_private()
    signature = signing.signature_of(private, STATEMENT)
    shuffled = dict(reversed(STATEMENT.items()))
    assert signing.is_signed(signing.public_of(private), shuffled, signature)


@pytest.mark.parametrize("other", [{**STATEMENT, "n": 2}, {**STATEMENT, "more": ""}, {}])
def test_a_changed_statement_is_not_signed(other: dict[str, object]) -> None:
    private = signing.new_private()
    signature = signing.signature_of(private, STATEMENT)
    assert not signing.is_signed(signing.public_of(private), other, signature)


def test_every_changed_byte_of_a_signature_breaks_it() -> None:
    private = signing.new_private()
    public = signing.public_of(private)
    raw = base64.b64decode(signing.signature_of(private, STATEMENT))
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        text = base64.b64encode(changed).decode()
        assert not signing.is_signed(public, STATEMENT, text)


def test_another_key_did_not_sign_it() -> None:
    signature = signing.signature_of(signing.new_private(), STATEMENT)
    other = signing.public_of(signing.new_private())
    assert not signing.is_signed(other, STATEMENT, signature)


@pytest.mark.parametrize("nonsense", ["", "!", "AAAA", "\u00e9"])
def test_what_is_no_key_or_signature_signs_nothing(nonsense: str) -> None:
    private = signing.new_private()
    signature = signing.signature_of(private, STATEMENT)
    assert not signing.is_signed(nonsense, STATEMENT, signature)
    assert not signing.is_signed(signing.public_of(private), STATEMENT, nonsense)


def test_the_vectors_of_rfc_8032_hold() -> None:
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert base64.b64decode(signing.public_of(private)).hex() == public
