"""Header fields: checking, encoding, folding, parsing (RFC 5322 §2.2, RFC 2047)."""

import re
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache

from .addresses import AddressError, parse_list
from .encoded_words import decode_words, encode_words

MAX_NAME = 200  # octets of a field name: none in use is a third as long
MAX_HEAD = 1 << 20  # octets of a header block that are looked at when reading
_FOLD = 76  # octets a line should have: 78 (RFC 5322 §2.1.1), or 76 with encoded words (RFC 2047 §2)
_LINE = 998  # octets a line may have (§2.1.1)

# A field body that can stand in a message as it is.
_is_plain = re.compile(r"[\t\x20-\x7e]*+").fullmatch
# ftext (RFC 5322 §3.6.8)
_is_name = re.compile(r"[\x21-\x39\x3b-\x7e]+").fullmatch
_BREAK = re.compile(r"[\r\n\0\ud800-\udfff]")
# Words with the space before them, so that no line can come out all space (§3.2.2).
_WORD = re.compile(rb"[ \t]*+[^ \t]++")
_LONG = 900  # octets of a word that still fits a line with any field name before it
# One field; a line that is none (mbox "From ", garbage) is passed over. A lone LF is a line end too.
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)", re.MULTILINE)
_EMPTY = re.compile(rb"\n\r?\n")
_FOLDED = re.compile(rb"\r?\n")
# Fields whose body is a list of addresses: encoded words may stand only in their names (RFC 2047 §5).
_ADDRESSES = frozenset(
    f"{prefix}{name}"
    for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
    for prefix in ("", "resent-")
)
# Fields in which no encoded word may stand at all, so that an overlong word is an error.
_STRUCTURED = _ADDRESSES | {
    "message-id",
    "in-reply-to",
    "references",
    "date",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "received",
    "return-path",
    "dkim-signature",
    "list-unsubscribe",
    "list-unsubscribe-post",
}

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class HeaderError(ValueError):
    """A field that must not be written into a message; the message says why, for people."""


def check_name(name: str) -> None:
    """Raise `HeaderError` unless `name` is a field name (RFC 5322 §3.6.8)."""
    if not _is_name(name):
        raise HeaderError("a header name consists of printable ASCII without space and colon")
    if len(name) > MAX_NAME:
        raise HeaderError(f"a header name has at most {MAX_NAME} characters")


def check_value(value: str) -> None:
    """Raise `HeaderError` when `value` could break out of its field, or has no octets."""
    if found := _BREAK.search(value):
        raise HeaderError(f"a header value must not contain {_SHOWN.get(found[0], 'lone surrogates')}")


_SHOWN = {"\r": "line breaks", "\n": "line breaks", "\0": "NUL"}


@lru_cache(maxsize=512)
def _start(name: str) -> tuple[str, str]:
    check_name(name)
    return f"{name}: ", name.lower()


def encode(name: str, value: str) -> bytes:
    """The complete field, folded, with its CRLF. Raises `HeaderError`.

    Text outside ASCII becomes encoded words; in fields of addresses only names do, and a local part
    outside ASCII stays UTF-8 (RFC 6532), which the carrying server must then support.
    """
    start, lower = _start(name)
    if not _is_plain(value):
        check_value(value)
        value = _encoded(lower, value)
    elif len(value) > _LONG and lower not in _STRUCTURED and max(map(len, value.split())) > _LONG:
        value = _encoded(lower, value)  # only encoded words can break what has no space in it
    value = value.strip(" \t")
    if len(start) + len(value) <= _FOLD:
        return f"{start}{value}\r\n".encode()
    return _folded(start.encode(), value.encode())


def _encoded(lower: str, value: str) -> str:
    if lower in _ADDRESSES:
        try:
            return ", ".join([address.header() for address in parse_list(value)])
        except AddressError:
            pass  # nothing in it that has to be kept whole
    words = re.split(r"([ \t]+)", value)
    odd = [i for i, word in enumerate(words) if len(word) > _LONG or not _is_plain(word)]
    first, last = odd[0], odd[-1] + 1
    used = len(lower) + 2 if first == 0 else 0
    encoded = " ".join(encode_words("".join(words[first:last]), used))
    return "".join(words[:first]) + encoded + "".join(words[last:])


def _folded(start: bytes, value: bytes) -> bytes:
    lines: list[bytes] = []
    line = start[:-1]
    for word in _WORD.findall(b" " + value):
        # The first word stays beside the name: some readers lose a field that starts with an empty line.
        if len(line) + len(word) > _FOLD and (lines or len(line) >= len(start)):
            lines.append(line)
            line = word
        else:
            line += word
    lines.append(line)
    if max(map(len, lines)) > _LINE:
        raise HeaderError(f"a word in the header '{start[:-2].decode()}' is too long for a line")
    return b"\r\n".join(lines) + b"\r\n"


def encode_all(headers: Iterable[tuple[str, str]]) -> bytes:
    """The fields of `headers`, in order. Raises `HeaderError`."""
    return b"".join([encode(name, value) for name, value in headers])


def decode(value: str) -> str:
    """A field body as people read it: unfolded, encoded words decoded. Never raises."""
    if "\n" in value:
        value = re.sub(r"\r?\n(?=[ \t])", "", value)
    return decode_words(value)


def split(raw: bytes) -> int:
    """Where the body of a message starts: behind the first empty line, or at the end when there is none."""
    if raw.startswith((b"\r\n", b"\n")):
        return 2 if raw[0] == 13 else 1
    empty = _EMPTY.search(raw)
    return empty.end() if empty else len(raw)


def spans(raw: bytes) -> Iterator[tuple[str, int, int]]:
    """Name in lower case, start and end of each field of a message; the end is behind the line break."""
    for field in _FIELD.finditer(raw, 0, min(split(raw), MAX_HEAD)):
        yield field[1].decode("ascii").lower(), field.start(), field.end()


def parse(raw: bytes) -> list[tuple[str, bytes]]:
    """The fields of a message or header block, in order: name, and all octets after the colon."""
    return [
        (field[1].decode("ascii"), field[2].removesuffix(b"\r"))
        for field in _FIELD.finditer(raw, 0, min(split(raw), MAX_HEAD))
    ]


def text(body: bytes) -> str:
    """A field body as text: unfolded and trimmed, encoded words left alone. What is no UTF-8 is Latin-1."""
    if b"\n" in body:
        body = _FOLDED.sub(b"", body)
    body = body.strip(b" \t\r")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")


def format_date(seconds: float, zone: str = "+0000") -> str:
    """A time since the epoch as `Tue, 30 Dec 2025 11:03:22 +0000` (RFC 5322 §3.3), always UTC.

    `zone` may be "GMT" where a foreign API shows dates so; messages must not have it (§4.3).
    """
    t = time.gmtime(seconds)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} {zone}"
    )
