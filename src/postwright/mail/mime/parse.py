"""Tolerant, bounded reading of messages from anywhere.

The standard library's parser is no base for this: nested parts cost it time quadratic in their depth, and
deep ones end in RecursionError. It serves as the independent check in tests.
"""

import binascii
import re
from collections.abc import Iterator
from itertools import islice

import msgspec

from .. import headers as fields
from .. import params
from ..encoded_words import decode_text
from .compose import Attachment

MAX_DEPTH = 50  # of parts in parts; deeper ones are taken for files as they are
MAX_PARTS = 1000  # of a message; what comes after is left out

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


class Parsed(msgspec.Struct):
    """What a message holds, decoded."""

    headers: list[tuple[str, str]]
    bodies: dict[str, str] = {}  # by subtype of text: "plain", "html", "x-amp-html", ...
    attachments: list[Attachment] = []
    truncated: bool = False  # there was more than MAX_PARTS or MAX_DEPTH allow

    @property
    def body_plain(self) -> str:
        """All text/plain parts that are no files, in order."""
        return self.bodies.get("plain", "")

    @property
    def body_html(self) -> str:
        """All text/html parts that are no files, in order."""
        return self.bodies.get("html", "")


class _Entity(msgspec.Struct):
    raw: bytes
    depth: int
    fallback: str  # the type when none is given: message/rfc822 inside a digest (RFC 2046 §5.1.5)


def parse(raw: bytes) -> Parsed:
    """Read a message; what is broken in it is read as well as can be. Never raises."""
    parsed = Parsed([(name, fields.decode(fields.text(body))) for name, body in fields.parse(raw)])
    waiting = [_Entity(raw, 0, "text/plain")]
    count = 0
    while waiting and count < MAX_PARTS:
        entity = waiting.pop()
        count += 1
        children = _leaf(entity, parsed)
        if children is not None:
            room = MAX_PARTS - count - len(waiting)
            waiting.extend(reversed(list(islice(children, room))))
            parsed.truncated = parsed.truncated or next(children, None) is not None
    parsed.truncated = parsed.truncated or bool(waiting)
    return parsed


def _leaf(entity: _Entity, parsed: Parsed) -> Iterator[_Entity] | None:
    """Put an entity where it belongs in `parsed`, or give what it consists of."""
    head = {name.lower(): fields.text(body) for name, body in reversed(fields.parse(entity.raw))}
    kind, about = params.parse(head.get("content-type", ""))
    if "/" not in kind:
        kind = entity.fallback
    main, _, sub = kind.partition("/")
    nested = main == "multipart" and bool(about.get("boundary"))
    if nested and entity.depth >= MAX_DEPTH:
        parsed.truncated = True
    elif nested:
        fallback = "message/rfc822" if sub == "digest" else "text/plain"
        return _children(entity, about["boundary"], fallback)
    body = entity.raw[fields.split(entity.raw) :]
    data = transferred(body, head.get("content-transfer-encoding", ""))
    disposition, named = params.parse(head.get("content-disposition", ""))
    filename = named.get("filename") or about.get("name", "")
    if main == "text" and disposition != "attachment" and not filename:
        content = decode_text(data, about.get("charset") or "utf-8")
        before = parsed.bodies.get(sub)
        parsed.bodies[sub] = content if before is None else f"{before}\r\n{content}"
        return None
    content_id = head.get("content-id", "").strip().removeprefix("<").removesuffix(">")
    # The type is given as it was written: its parameters are part of what the file is.
    shown = head.get("content-type", "").strip() or kind
    parsed.attachments.append(Attachment(filename, shown, data, content_id))
    return None


def _children(entity: _Entity, boundary: str, fallback: str) -> Iterator[_Entity]:
    raw = entity.raw
    for start, end in part_spans(raw, fields.split(raw), len(raw), boundary):
        yield _Entity(raw[start:end], entity.depth + 1, fallback)


def part_spans(raw: bytes, position: int, end: int, boundary: str) -> Iterator[tuple[int, int]]:
    """Start and end of each part of a multipart entity whose body lies between `position` and `end`."""
    mark = b"--" + boundary.encode("utf-8", "replace")
    start = -1
    while (found := raw.find(mark, position, end)) >= 0:
        position = found + len(mark)
        if found > 0 and raw[found - 1] != 10:
            continue
        line_end = raw.find(b"\n", position, end)
        rest = raw[position : line_end if line_end >= 0 else end].rstrip(b" \t\r")
        if rest not in (b"", b"--"):
            continue  # another boundary that starts like this one
        if start >= 0:
            # The line break before a boundary belongs to it (RFC 2046 §5.1.1).
            before = found - (2 if raw[found - 2 : found] == b"\r\n" else 1)
            yield start, max(before, start)
        start = -1
        if rest == b"--" or line_end < 0:
            return
        start = position = line_end + 1
    if start >= 0:  # cut off before its last boundary
        yield start, end


def transferred(body: bytes, encoding: str) -> bytes:
    """The octets of a body with its transfer encoding undone; of an unknown encoding as they are."""
    encoding = encoding.partition(";")[0].strip().lower()
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        try:
            return binascii.a2b_base64(body)
        except binascii.Error:
            clean = _NOT_BASE64.sub(b"", body)
            # A lone last digit holds no whole octet.
            clean = clean[:-1] if len(clean) % 4 == 1 else clean
            return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    return body
