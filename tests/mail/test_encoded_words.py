import email.header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.mail.encoded_words import decode_text, decode_words, encode_words

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXT, st.integers(0, 60))
def test_round_trip_against_the_standard_library(text: str, used: int) -> None:
    words = encode_words(text, used)
    assert all(len(word) <= 75 for word in words)
    assert decode_words("\r\n ".join(words)) == text
    shown = str(email.header.make_header(email.header.decode_header(" ".join(words))))
    assert shown == text
    for word in words:  # each can be decoded alone: none ends inside a character
        assert "\ufffd" not in decode_words(word) or "\ufffd" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # RFC 2047 §8, and what its rules on white space say
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_?= =?ISO-8859-2?Q?_b?=)", "(a  b)"),
        ("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        ("=?UTF-8?B?w6k?=", "é"),  # padding left off
        ("=?utf-8*de?Q?=C3=A9?=", "é"),  # language (RFC 2231 §5)
        ("=?utf-8?B?w6n=?= =?utf-8?B?w6k=?=", "éé"),
        ("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"),  # a character split over two words
        ("=?nonsense?Q?=C3=A9?=", "é"),
        ("=?utf-8?B?A?=", "=?utf-8?B?A?="),
        ("a =?utf-8?X?a?= =?", "a =?utf-8?X?a?= =?"),
    ],
)
def test_decodes(text: str, shown: str) -> None:
    assert decode_words(text) == shown


@given(st.text(alphabet="=?utf-8QqBb_ A0\r\n", max_size=80))
def test_decoding_never_raises(text: str) -> None:
    decode_words(text)


@pytest.mark.parametrize("charset", ["hex", "zip", "\0", "", "idna", "punycode", "unicode_escape", "x" * 500])
def test_codecs_that_are_no_charsets_are_not_used(charset: str) -> None:
    assert decode_text(b"\\u0041\xc3\xa9", charset) == "\\u0041é"
