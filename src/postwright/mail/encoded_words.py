"""Encoded words: text outside ASCII in headers (RFC 2047)."""

import binascii
import codecs
import re

# An encoded word is at most 75 octets (RFC 2047 §2): 63 remain after `=?utf-8?q?` and `?=`.
_ROOM = 75 - len("=?utf-8?q?" + "?=")
_LEAST = 12  # the escaped octets of one character, the longest, are as long
# Only these may stand for themselves in every place an encoded word is allowed, phrases included (§5 (3)).
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_Q = [chr(c) if c in _SAFE else "_" if c == 0x20 else f"={c:02X}" for c in range(256)]

_WORD = re.compile(r"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[A-Za-z0-9-]{0,20})?\?([bBqQ])\?([^?\s]*+)\?=")
# Codecs of Python's that are no charsets of mail; some of them cost time quadratic in the input.
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem")
)


def encode_words(text: str, used: int = 0) -> list[str]:
    """`text` as encoded words in UTF-8, to be joined by folding space; each can be decoded alone.

    The first is shorter by `used` columns, because lines with encoded words end at column 76 (RFC 2047 §2).

    Raises `UnicodeEncodeError` for lone surrogates.
    """
    data = text.encode()
    escaped = sum(1 for c in data if c not in _SAFE and c != 0x20)
    room = max(_ROOM - used, _LEAST)
    return _b_words(text, room) if escaped * 2 > len(data) // 3 else _q_words(text, room)


def _q_words(text: str, room: int) -> list[str]:
    words: list[str] = []
    line: list[str] = []
    for char in text:
        # A character's octets stay together: §5 forbids splitting one over two words.
        piece = "".join([_Q[c] for c in char.encode()])
        if len(piece) > room:
            words.append(f"=?utf-8?q?{''.join(line)}?=")
            line, room = [], _ROOM
        line.append(piece)
        room -= len(piece)
    words.append(f"=?utf-8?q?{''.join(line)}?=")
    return words


def _b_words(text: str, room: int) -> list[str]:
    words: list[str] = []
    chunk = bytearray()
    for char in text:
        octets = char.encode()
        if len(chunk) + len(octets) > room // 4 * 3:
            words.append(_b_word(chunk))
            chunk.clear()
            room = _ROOM
        chunk += octets
    words.append(_b_word(chunk))
    return words


def _b_word(chunk: bytearray) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(chunk, newline=False).decode()}?="


def decode_words(text: str) -> str:
    """`text` with its encoded words decoded; what cannot be decoded stays as it is. Never raises."""
    if "=?" not in text:
        return text
    out: list[str] = []
    # Octets of adjoining words in one charset are decoded together: many senders split characters.
    pending = bytearray()
    charset = ""
    end = 0
    for found in _WORD.finditer(text):
        between = text[end : found.start()]
        data = _octets(found[2], found[3])
        if data is None:
            continue
        # White space between two encoded words is not part of the text (§6.2).
        adjoining = end > 0 and not between.strip(" \t\r\n")
        if not adjoining or found[1].lower() != charset:
            if charset:
                out.append(decode_text(pending, charset))
                pending.clear()
            if not adjoining:
                out.append(between)
            charset = found[1].lower()
        pending += data
        end = found.end()
    if charset:
        out.append(decode_text(pending, charset))
    out.append(text[end:])
    return "".join(out)


def _octets(encoding: str, encoded: str) -> bytes | None:
    try:
        raw = encoded.encode("ascii")
        if encoding in "qQ":
            return binascii.a2b_qp(raw, header=True)
        return binascii.a2b_base64(raw.rstrip(b"=") + b"=" * (-len(raw.rstrip(b"=")) % 4))
    except ValueError:  # includes binascii.Error and UnicodeEncodeError
        return None


def decode_text(data: bytes | bytearray, charset: str) -> str:
    """`data` in `charset` as text; UTF-8 when unknown, bad octets as U+FFFD. Never raises."""
    try:
        name = codecs.lookup(charset).name
        if name not in _NO_CHARSETS:
            return data.decode(name, "replace")
    except (LookupError, ValueError):  # unknown, no text encoding at all, or a name with NUL
        pass
    return data.decode("utf-8", "replace")
