"""Parameters of MIME fields, as in `Content-Type: text/plain; charset=utf-8` (RFC 2045 §5.1, RFC 2231)."""

import re
from urllib.parse import quote, unquote_to_bytes

from .encoded_words import decode_text, decode_words

_MAX_PARAMS = 100  # of one field; real ones have three
_PARAM = re.compile(
    r";\s*+([^\s=;\"]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"?|([^;\r\n]*+))|\"(?:[^\"\\]|\\.)*+\"?", re.DOTALL
)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_SECTION = re.compile(r"([^*]+)\*(\d{1,3})(\*?)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PIECE = 60  # characters of one section, which keeps its line under 78
_QUOTED = 500  # characters of a name that is written in one piece, as many readers know no sections


def parse(body: str) -> tuple[str, dict[str, str]]:
    """The value (lower case) and the parameters (names lower case) of a field body. Never raises."""
    value = body.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, found in enumerate(_PARAM.finditer(body)):
        if count >= _MAX_PARAMS:
            break
        if found[1] is None:
            continue
        name = found[1].lower()
        content = _PAIR.sub(r"\1", found[2]) if found[2] is not None else found[3].strip()
        if section := _SECTION.fullmatch(name):
            sections.setdefault(section[1], {})[int(section[2])] = (content, bool(section[3]))
        elif name.endswith("*"):
            sections.setdefault(name[:-1], {})[0] = (content, True)
        else:
            # Raw UTF-8 and encoded words inside quotes are both forbidden and both common.
            plain.setdefault(name, decode_words(content))
    for name, parts in sections.items():
        plain[name] = _joined(parts)
    return value, plain


def _joined(parts: dict[int, tuple[str, bool]]) -> str:
    """The value of a parameter in sections (RFC 2231 §3, §4.1)."""
    charset = "utf-8"
    data = b""
    for number in sorted(parts):
        content, extended = parts[number]
        if extended and number == 0 and content.count("'") >= 2:
            charset, _, content = content.split("'", 2)
        data += unquote_to_bytes(content) if extended else content.encode("utf-8", "replace")
    return decode_text(data, charset or "utf-8")


def filename(name: str) -> str:
    """`; filename=...` for a Content-Disposition that is to be written, on lines of its own when long.

    Line breaks and other controls in `name` become "_".
    """
    name = _CONTROL.sub("_", name)
    if name.isascii() and len(name) <= _QUOTED:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f';\r\n filename="{escaped}"'
    pieces: list[str] = [""]
    for char in name:
        octets = quote(char, safe="")
        if len(pieces[-1]) + len(octets) > _PIECE:
            pieces.append("")
        pieces[-1] += octets
    if len(pieces) == 1:
        return f";\r\n filename*=utf-8''{pieces[0]}"
    return "".join(
        f";\r\n filename*{i}*={'' if i else chr(39).join(('utf-8', '', ''))}{piece}"
        for i, piece in enumerate(pieces)
    )
