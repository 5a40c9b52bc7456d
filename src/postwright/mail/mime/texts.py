"""The texts of a complete message, read and changed in place.

Only the bodies of parts that change are written anew, in their own charset and transfer encoding wherever the new
text allows it; all other octets stay. Signed and encrypted parts are never entered: a changed one would be a broken
one (RFC 1847, 8551, 3156).
"""

import binascii
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from .. import headers as fields
from .. import params
from .compose import base64_lines, short_lines
from .edit import normalise_newlines
from .parse import MAX_DEPTH, MAX_PARTS, part_spans, transferred

_HEAD = 1 << 16  # octets in which a part's header must end
_SEALED = frozenset(("signed", "encrypted"))
# In these, octets that look like ASCII can be halves of other characters.
_SHIFTING = ("iso-2022", "utf-7", "utf7", "hz", "utf-16", "utf16", "utf-32", "utf32")
_DECODED = frozenset(("", "7bit", "8bit", "binary", "quoted-printable", "base64"))


class _Text(msgspec.Struct):
    """One text part: its subtype, where it lies in the message, and how it is written."""

    subtype: str
    start: int
    body: int
    end: int
    encoding: str
    charset: str
    content: str = ""


def texts(raw: bytes) -> Iterator[tuple[str, str]]:
    """Subtype and text of every text part that is no file and that `edit_texts` could change."""
    for part in _parts(raw):
        if _read(raw, part):
            yield part.subtype, part.content


def edit_texts(raw: bytes, change: Callable[[str, str], str]) -> bytes:
    """`raw` with the text of each part changed by `change(subtype, text)`; the same object when none was."""
    pieces: list[bytes] = []
    done = 0
    for part in _parts(raw):
        if not _read(raw, part):
            continue
        changed = change(part.subtype, part.content)
        if changed != part.content:
            pieces += (raw[done : part.start], *_written(raw, part, changed))
            done = part.end
    return b"".join([*pieces, raw[done:]]) if pieces else raw


def _parts(raw: bytes) -> Iterator[_Text]:
    waiting = [(0, len(raw), 0)]
    count = 0
    while waiting and count < MAX_PARTS:
        start, end, depth = waiting.pop()
        count += 1
        window = raw[start : min(end, start + (fields.MAX_HEAD if start == 0 else _HEAD))]
        size = fields.split(window)
        if size == len(window) and start + size < end:
            continue  # a header that does not end is none
        body = start + size
        head = {name.lower(): fields.text(value) for name, value in reversed(fields.parse(window[:size]))}
        kind, about = params.parse(head.get("content-type", ""))
        main, _, sub = (kind or "text/plain").partition("/")
        if main == "multipart":
            boundary = about.get("boundary")
            if boundary and sub not in _SEALED and sub != "digest" and depth < MAX_DEPTH:
                spans = islice(part_spans(raw, body, end, boundary), MAX_PARTS)
                waiting.extend(reversed([(s, e, depth + 1) for s, e in spans]))
            continue
        encoding = head.get("content-transfer-encoding", "").partition(";")[0].strip().lower()
        disposition, named = params.parse(head.get("content-disposition", ""))
        is_file = disposition == "attachment" or named.get("filename") or about.get("name")
        if main == "text" and not is_file and encoding in _DECODED:
            yield _Text(sub, start, body, end, encoding, (about.get("charset") or "utf-8").lower())


def _read(raw: bytes, part: _Text) -> bool:
    """Decode a part so that writing it back gives the same octets. False: that cannot be done."""
    data = transferred(raw[part.body : part.end], part.encoding)
    try:
        part.content = data.decode(part.charset)
        if part.content.encode(part.charset) == data:
            return True
    except (LookupError, UnicodeError, ValueError):
        pass
    if part.charset.startswith(_SHIFTING):
        return False
    # Every octet as one character: what is ASCII can be read and changed, what is not stays.
    part.charset = "latin-1"
    part.content = data.decode("latin-1")
    return True


def _written(raw: bytes, part: _Text, content: str) -> tuple[bytes, bytes]:
    """Header and body of the part with its new text."""
    head = raw[part.start : part.body]
    try:
        data = content.encode(part.charset)
    except UnicodeEncodeError:
        if part.subtype == "html":
            data = content.encode(part.charset, "xmlcharrefreplace")
        else:
            data = content.encode()
            head = _with(head, "Content-Type", f'text/{part.subtype}; charset="utf-8"')
    if part.encoding == "base64":
        return head, b"".join(base64_lines(data)) + b"\r\n"
    if part.encoding == "quoted-printable":
        return head, quoted(data)
    data = normalise_newlines(data)
    plain = short_lines(data) and (data.isascii() or part.encoding not in ("", "7bit"))
    if part.encoding == "binary" or plain:
        return head, data
    return _with(head, "Content-Transfer-Encoding", "quoted-printable"), quoted(data)


def quoted(data: bytes) -> bytes:
    """Quoted-printable with CRLF line ends (RFC 2045 §6.7)."""
    data = binascii.b2a_qp(data.replace(b"\r\n", b"\n"))
    return data.replace(b"\n", b"\r\n")


def _with(head: bytes, name: str, value: str) -> bytes:
    """A part's header with one field set, in its place when it is there."""
    for found, start, end in fields.spans(head):
        if found == name.lower():
            return head[:start] + fields.encode(name, value) + head[end:]
    return fields.encode(name, value) + head
