"""Signatures hold wherever they stand, and over nothing but what was signed."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from gateway.binance.parameters import Parameters
from gateway.binance.signature import signed_text
from gateway.key_ring import SecretKey

KEY = SecretKey(b"a secret")

names = st.text(min_size=1, max_size=12).filter(lambda name: name != "signature")
values = st.text(max_size=20)
pairs = st.lists(st.tuples(names, values), max_size=8, unique_by=lambda pair: pair[0])


def sign(text: bytes) -> str:
    """Sign as a client does: over the text it is about to send."""
    return hmac.digest(KEY.secret, text, "sha256").hex()


def placed(text: str, signature: str, at: int) -> str:
    """Put a signature between the parameters of a text."""
    parts = text.split("&") if text else []
    parts.insert(at % (len(parts) + 1), f"signature={signature}")
    return "&".join(parts)


@given(pairs, pairs, st.booleans(), st.integers(0, 20))
def test_a_signature_holds_wherever_it_stands(
    query: list[tuple[str, str]], body: list[tuple[str, str]], is_in_body: bool, at: int
) -> None:
    first, second = urlencode(query), urlencode(body)
    signature = sign((first + second).encode())
    sent_query = first if is_in_body else placed(first, signature, at)
    sent_body = placed(second, signature, at) if is_in_body else second
    assert KEY.verify(signed_text(sent_query.encode(), sent_body.encode()), signature)
    read = Parameters.of_pairs(
        parse_qsl(sent_query, keep_blank_values=True), parse_qsl(sent_body, keep_blank_values=True)
    )
    assert read.raw("signature") == signature
    assert {name: value for name, value in read.items() if name != "signature"} == dict(body) | dict(query)


@given(pairs.filter(bool), st.integers(0, 200), st.characters(codec="ascii"))
def test_any_other_text_needs_another_signature(query: list[tuple[str, str]], at: int, other: str) -> None:
    text = urlencode(query)
    signature = sign(text.encode())
    at %= len(text)
    changed = text[:at] + other + text[at + 1 :]
    assert KEY.verify(changed.encode(), signature) is (changed == text)
    assert not KEY.verify(f"{text}&extra=1".encode(), signature)
    assert not KEY.verify(text.encode(), f"{signature[:-1]}{'0' if signature[-1] != '0' else '1'}")
