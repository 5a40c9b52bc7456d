"""multipart/form-data (RFC 7578, RFC 2046 5.1) as HTTP clients really send it, split on the buffered body.

Searching a buffer with `bytes.find` runs at memory speed; there is no state machine to feed. Every search
moves forward only, and parts and their headers are bounded, so that the cost is linear in the body.
"""

import binascii
import codecs
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from postwright.kernel.errors import Refused
from postwright.kernel.http.body import Truncated

PARTS = 2_500  # a send names at most 1,000 recipients; the rest is room for options and variables
PART_HEADERS = 16_384  # bytes: a long file name, percent-encoded thrice over, fits easily
BOUNDARY = 200  # bytes; RFC 2046 5.1.1 allows 70, some clients are careless

_SIMPLE = re.compile(rb'[Cc]ontent-[Dd]isposition: form-data; name="([^"\\\r\n]*)"')
# An unclosed quote runs to the end instead of being tried again at each semicolon: linear time.
_PARAMETER = re.compile(
    r';\s*([\w!#$&+\-.^`|~*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;]*))', re.ASCII | re.DOTALL
)
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_FOLD = re.compile(r"\r?\n[ \t]+")
# Text codecs of Python that are no character sets of mail or the web; some of them take quadratic time.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw-unicode-escape", "undefined", "utf-7"})


class Malformed(Refused):
    """The body is not what its Content-Type promises."""

    message = "malformed multipart/form-data request"


class TooManyFields(Refused):
    """More fields than any operation can use."""

    message = f"too many parameters in the request, max is {PARTS}"


class BadText(Refused):
    """A text field holds bytes that are no text."""


class Upload(msgspec.Struct, frozen=True, gc=False):
    """A file out of a form. `headers` are the part's own, with lower-case names."""

    filename: str
    content_type: str
    headers: dict[str, str]
    data: bytes


class Header(NamedTuple):
    """A header value with parameters: `form-data; name="x"`."""

    value: str
    parameters: dict[str, str]


def parse_header(text: str) -> Header:
    """Split a structured header; parameter names become lower case, quoted values are unquoted."""
    value, semicolon, rest = text.partition(";")
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(semicolon + rest):
        found.setdefault(name.lower(), _QUOTED_PAIR.sub(r"\1", quoted) if quoted else bare.strip())
    return Header(value.strip().lower(), found)


def to_text(data: bytes, charset: str, name: str) -> str:
    """Decode a field. Raises BadText, which names the field."""
    try:
        if charset == "utf-8":
            text = data.decode()
        else:
            codec = codecs.lookup(charset).name
            if codec in _NOT_CHARSETS:
                raise LookupError
            # ASCII is a subset of UTF-8, and clients that say ASCII often send UTF-8 (Python's email package).
            text = data.decode("utf-8" if codec == "ascii" else codec)
    except UnicodeError:
        raise BadText(f"{name} parameter is not valid {charset} text") from None
    except (LookupError, ValueError):
        raise BadText(f"{name} parameter has an unknown charset") from None
    if "\0" in text:
        raise BadText(f"{name} parameter contains a NUL byte")
    return text


def split(body: bytes, content_type: Header) -> list[tuple[str, str | Upload]]:
    """The named parts of a form, in order. Raises Malformed, Truncated, TooManyFields or BadText."""
    boundary = content_type.parameters.get("boundary", "").encode("latin-1", "replace")
    if not 0 < len(boundary) <= BOUNDARY:
        raise Malformed
    if not body:
        return []
    delimiter = b"--" + boundary
    charset = content_type.parameters.get("charset", "utf-8").lower()
    position, newline = _opening(body, delimiter)
    blank = newline * 2
    between = newline + delimiter
    found: list[tuple[str, str | Upload]] = []
    count = 0
    while True:
        # `position` is just behind a delimiter.
        if body.startswith(b"--", position):
            return found
        start = _after_line(body, position, newline)
        count += 1
        if count > PARTS:
            raise TooManyFields
        if body.startswith(newline, start):
            headers, content = b"", start + len(newline)
        else:
            stop = body.find(blank, start, start + PART_HEADERS)
            if stop < 0:
                raise Truncated if len(body) - start < PART_HEADERS else Malformed
            headers, content = body[start:stop], stop + len(blank)
        # An empty part may share its line end with the delimiter, hence the step back.
        end = _delimiter(body, between, content - len(newline))
        if part := _part(headers, body[content : max(content, end)], charset):
            found.append(part)
        position = end + len(between)


def _opening(body: bytes, delimiter: bytes) -> tuple[int, bytes]:
    """Where the first delimiter ends, and the line end this client uses. The preamble is skipped."""
    position = 0 if body.startswith(delimiter) else body.find(b"\n" + delimiter) + 1
    if position == 0 and not body.startswith(delimiter):
        raise Malformed
    position += len(delimiter)
    line_end = body.find(b"\n", position)
    bare = line_end >= 0 and body[line_end - 1 : line_end] != b"\r"
    return position, b"\n" if bare else b"\r\n"


def _after_line(body: bytes, position: int, newline: bytes) -> int:
    """Skip the padding behind a delimiter (RFC 2046 5.1.1: linear white space) and its line end."""
    stop = body.find(newline, position)
    if stop < 0:
        raise Truncated
    if stop > position and body[position:stop].strip(b" \t"):
        raise Malformed
    return stop + len(newline)


def _delimiter(body: bytes, between: bytes, start: int) -> int:
    """Where the next delimiter line starts. A line that goes on with other text is content."""
    while (found := body.find(between, start)) >= 0:
        behind = body[found + len(between) : found + len(between) + 2]
        if behind[:1] in (b"\r", b"\n", b" ", b"\t") or behind == b"--":
            return found
        start = found + 1
    raise Truncated


def _part(headers: bytes, data: bytes, charset: str) -> tuple[str, str | Upload] | None:
    if simple := _SIMPLE.fullmatch(headers):
        name = _name(simple[1])
        return (name, to_text(data, charset, name)) if name else None
    fields = _headers(headers)
    disposition = parse_header(fields.get("content-disposition", ""))
    name = disposition.parameters.get("name", "")
    if disposition.value != "form-data" or not name:
        return None
    data = _transfer_decoded(data, fields.get("content-transfer-encoding", "").strip().lower())
    declared = fields.get("content-type", "")
    filename = _filename(disposition.parameters)
    if filename is None:
        own = parse_header(declared).parameters.get("charset", charset) if declared else charset
        return name, to_text(data, own.lower(), name)
    if not filename:
        return None  # a browser's empty file input, or a client's file without a name: dropped (2.1)
    return name, Upload(filename, declared or "application/octet-stream", fields, data)


def _name(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed from None


def _headers(raw: bytes) -> dict[str, str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if "\0" in text:
        raise Malformed
    if not text:
        return {}
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed
        found[name.strip().lower()] = value.strip()
    return found


def _filename(parameters: dict[str, str]) -> str | None:
    """The file's name without folders, "" when it is empty, None when the part is no file."""
    extended = parameters.get("filename*")
    if extended is not None:
        # RFC 2231 4: charset'language'percent-encoded
        charset, _, rest = extended.partition("'")
        name = to_text(unquote_to_bytes(rest.partition("'")[2]), charset.lower() or "utf-8", "filename")
    elif "filename" in parameters:
        # The WHATWG form algorithm escapes a quote and line ends this way and nothing else.
        name = parameters["filename"].replace("%22", '"').replace("%0D", " ").replace("%0A", " ")
    else:
        return None
    # RFC 7578 4.2: a receiver must not use folders somebody else names.
    return name.rpartition("/")[2]


def _transfer_decoded(data: bytes, encoding: str) -> bytes:
    # RFC 7578 4.7 deprecates these; old mail libraries still use them for forms.
    if encoding == "base64":
        try:
            return binascii.a2b_base64(data)
        except binascii.Error:
            raise Malformed from None
    return binascii.a2b_qp(data) if encoding == "quoted-printable" else data
