"""Addresses and lists of them as people and programs write them (RFC 5321, 5322, 6531, 6854)."""

import ipaddress
import re

import idna
import msgspec

from .encoded_words import decode_words, encode_words

MAX_TEXT = 1 << 20  # characters of one list: a thousand mailboxes of a full header line each
MAX_ADDRESSES = 5000  # in one list: five times what a message may have (behaviour.md 2.1)
MAX_NAME = 1000  # characters of a display name
_BESIDE = len("Reply-To: ")  # columns that are taken before a name that opens a field
_MAX_LOCAL = 64  # octets (RFC 5321 §4.5.3.1.1)
_MAX_SPEC = 254  # octets: a path of 256 less its angle brackets (§4.5.3.1.3)

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_LABEL = r"[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+"
_DOT_ATOM = rf"[{_ATEXT}]++(?:\.[{_ATEXT}]++)*+"
# Plain labels and a last one that no address literal or A-label can be mistaken for.
_PLAIN = rf"({_DOT_ATOM})@((?!xn--|[^\s,;>]*?\.xn--)(?:{_LABEL}\.)++(?:[A-Za-z]{{2,63}}+))(?![-.\w@:(])"
# `a@b.c`, `Name <a@b.c>` and `"Name" <a@b.c>`, with the separator that follows. Everything else is parsed
# with full care below; whatever this matches, that would read in the same way.
_FAST = re.compile(
    rf"[ \t]*+(?:{_PLAIN}"
    rf"|(?:\"([^\"\\\x00-\x1f\x7f-\uffff=]*+)\"|([A-Za-z0-9'_-]++(?: [A-Za-z0-9'_-]++)*+))?[ \t]*+<{_PLAIN}>)"
    r"[ \t]*+(?:[,;][ \t]*+|\Z)",
    re.ASCII,
)
_is_dot_atom = re.compile(_DOT_ATOM).fullmatch
_is_local = re.compile(rf"[\x80-\U0010ffff{_ATEXT}]++(?:\.[\x80-\U0010ffff{_ATEXT}]++)*+").fullmatch
_is_label = re.compile(r"(?!-)(?=[^A-Za-z0-9]*+[A-Za-z0-9])[A-Za-z0-9_-]{1,63}(?<!-)").fullmatch
_is_phrase = re.compile(rf"[{_ATEXT}]++(?: [{_ATEXT}]++)*+").fullmatch
# Controls, separators that some readers take for line ends, and surrogates, which have no octets.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TOKEN = re.compile(
    r"(?P<space>[ \t]++)"
    r'|(?P<quoted>"(?:[^"\\]|\\.)*+")'
    r"|(?P<literal>\[[^\[\]\\]*+\])"
    r"|(?P<mark>[<>,;:@()])"
    r'|(?P<atom>[^ \t"\[\]<>,;:@()\\]++)'
)
_COMMENT = re.compile(r"(?:[^()\\]|\\.)++|[()]")
_PAIR = re.compile(r"\\(.)")


class AddressError(ValueError):
    """The text is no address; the message says why, for people."""


class Address(msgspec.Struct, frozen=True):
    """A mailbox. `local` is as written in addresses (quoted when it has to be), `domain` ASCII lower case."""

    name: str
    local: str
    domain: str

    @property
    def spec(self) -> str:
        """The bare address, `local@domain`."""
        return f"{self.local}@{self.domain}"

    def header(self) -> str:
        """The address for a header: ASCII but for a local part outside it (RFC 6531); no line breaks."""
        name = self.name
        if not name:
            return self.spec
        if _is_phrase(name) and "=?" not in name:
            return f"{name} <{self.local}@{self.domain}>"
        if name.isascii() and name.isprintable() and "=?" not in name:
            name = name.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{name}" <{self.local}@{self.domain}>'
        name = _FORBIDDEN.sub(" ", name)
        return f"{' '.join(encode_words(name, _BESIDE))} <{self.local}@{self.domain}>"


def parse_one(text: str) -> Address:
    """The only address in `text`. Raises `AddressError`, also when there is none or there are several."""
    found = parse_list(text)
    if len(found) != 1:
        raise AddressError("an address is expected" if not found else "only one address is allowed")
    return found[0]


def parse_list(text: str) -> list[Address]:
    """The addresses in `text`, separated by commas or semicolons, members of groups included.

    Empty elements are skipped; an empty text gives an empty list. Raises `AddressError`.
    """
    if len(text) > MAX_TEXT:
        raise AddressError("too long for a list of addresses")
    found: list[Address] = []
    position, end = 0, len(text)
    match = _FAST.match
    while position < end:
        hit = match(text, position)
        if hit is None:
            return _Parser(text).run()
        local, domain, quoted, phrase, local2, domain2 = hit.groups()
        if local is None:
            local, domain = local2, domain2
        if len(local) > _MAX_LOCAL or len(domain) > 63 or len(quoted or phrase or "") > MAX_NAME:
            return _Parser(text).run()
        found.append(Address((quoted.strip() if quoted else phrase) or "", local, domain.lower()))
        if len(found) > MAX_ADDRESSES:
            raise AddressError("too many addresses")
        position = hit.end()
    return found


_Token = tuple[str, str]  # kind (a group of _TOKEN, "comment") and text


class _Parser:
    """Reads one list, token by token."""

    def __init__(self, text: str) -> None:
        if bad := _FORBIDDEN.search(text):
            raise AddressError(f"control character U+{ord(bad[0]):04X} in an address")
        self._text = text
        self._found: list[Address] = []
        self._phrase: list[_Token] = []  # what came before any angle bracket
        self._angle: list[_Token] | None = None  # what is or was inside the brackets
        self._open = False
        self._group = False

    def run(self) -> list[Address]:
        text, position = self._text, 0
        while position < len(text):
            hit = _TOKEN.match(text, position)
            if hit is None:
                raise AddressError(f"unexpected {text[position]!r} in an address")
            position = hit.end()
            kind, piece = str(hit.lastgroup), hit[0]
            if piece == "(":
                comment, position = self._comment(position)
                self._put("comment", comment)
            elif kind == "mark" and piece != "@":
                self._mark(piece)
            else:
                self._put(kind, piece)
        self._finish()
        if self._group:
            raise AddressError("a group of addresses has to end in a semicolon")
        return self._found

    def _comment(self, position: int) -> tuple[str, int]:
        """The comment that starts before `position`, and where it ends; comments nest."""
        start, depth = position, 1
        while hit := _COMMENT.match(self._text, position):
            position = hit.end()
            depth += {"(": 1, ")": -1}.get(hit[0], 0)
            if depth == 0:
                return self._text[start : position - 1], position
        raise AddressError("a comment has to end in a parenthesis")

    def _put(self, kind: str, token: str) -> None:
        if self._open and self._angle is not None:
            self._angle.append((kind, token))
        elif self._angle is None:
            self._phrase.append((kind, token))
        elif kind not in ("space", "comment"):
            raise AddressError(f"unexpected {token[:80]!r} after an address")

    def _mark(self, mark: str) -> None:
        if self._open:
            if mark != ">":
                raise AddressError(f"unexpected {mark!r} between angle brackets")
            self._open = False
        elif mark == "<":
            if self._angle is not None:
                raise AddressError("an address has one pair of angle brackets")
            self._angle, self._open = [], True
        elif mark == ":":
            if self._group or self._angle is not None or not _words(self._phrase):
                raise AddressError("unexpected ':' in an address")
            self._group, self._phrase = True, []
        elif mark in ",;":
            self._finish()
            if mark == ";":
                self._group = False
        else:
            raise AddressError(f"unexpected {mark!r} in an address")

    def _finish(self) -> None:
        """Take what was read since the last separator as one mailbox, if it is anything."""
        if self._open:
            raise AddressError("an angle bracket is not closed")
        phrase, angle = self._phrase, self._angle
        self._phrase, self._angle = [], None
        if angle is not None:
            name = _words(phrase)
            local, domain = _spec(angle)
        elif _words(phrase):
            # A name in a comment after the address is an old custom (RFC 5322 §3.4, last note).
            name = next((_PAIR.sub(r"\1", token) for kind, token in phrase if kind == "comment"), "").strip()
            local, domain = _spec(phrase)
        else:
            return
        if len(name) > MAX_NAME:
            raise AddressError("the name of an address is too long")
        self._found.append(Address(_FORBIDDEN.sub(" ", decode_words(name)).strip(), local, domain))
        if len(self._found) > MAX_ADDRESSES:
            raise AddressError("too many addresses")


def _words(tokens: list[_Token]) -> str:
    """A display name: words with quotes undone, runs of space as one."""
    return "".join(
        " " if kind == "space" else _unquote(token) if kind == "quoted" else token
        for kind, token in tokens
        if kind != "comment"
    ).strip()


def _unquote(token: str) -> str:
    return _PAIR.sub(r"\1", token[1:-1]) if "\\" in token else token[1:-1]


def _spec(tokens: list[_Token]) -> tuple[str, str]:
    """Local part and domain of an addr-spec, each checked and in its standard form."""
    tokens = [token for token in tokens if token[0] != "comment"]
    shown = "".join(token for _, token in tokens).strip()[:80]
    at = max((i for i, token in enumerate(tokens) if token[1] == "@"), default=-1)
    if at < 0:
        raise AddressError(f"{shown!r} has no domain")
    before, after = _trim(tokens[:at]), _trim(tokens[at + 1 :])
    if not before:
        raise AddressError(f"{shown!r} has no local part")
    if not after:
        raise AddressError(f"{shown!r} has no domain")
    if len(before) == 1 and before[0][0] == "quoted":
        local = _local(_unquote(before[0][1]))
    else:
        local = "".join(token for _, token in before)
        if not _is_local(local) or any(kind == "quoted" for kind, _ in before):
            raise AddressError(f"the local part of {shown!r} is not valid")
    if len(after) != 1:
        raise AddressError(f"the domain of {shown!r} is not valid")
    domain = _literal(after[0][1]) if after[0][0] == "literal" else to_ascii(after[0][1])
    size = len(local.encode())
    if size > _MAX_LOCAL:
        raise AddressError(f"the local part of {shown!r} is longer than {_MAX_LOCAL} octets")
    if size + 1 + len(domain) > _MAX_SPEC:
        raise AddressError(f"{shown!r} is longer than {_MAX_SPEC} octets")
    return local, domain


def _trim(tokens: list[_Token]) -> list[_Token]:
    start, end = 0, len(tokens)
    while start < end and tokens[start][0] == "space":
        start += 1
    while start < end and tokens[end - 1][0] == "space":
        end -= 1
    return tokens[start:end]


def _local(text: str) -> str:
    """A local part in the form for addresses: quoted only when it has to be (RFC 5321 §4.1.2)."""
    if _is_local(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(text: str) -> str:
    """An address literal (RFC 5321 §4.1.3)."""
    inner = text[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise AddressError(f"{text[:80]!r} is not an address literal") from None


def to_ascii(domain: str) -> str:
    """A domain name as DNS has it: lower case, labels outside ASCII as A-labels (RFC 5891).

    Underscores are let pass because such hosts exist. Raises `AddressError`.
    """
    name = domain
    if not domain.isascii() and len(domain) <= _MAX_SPEC:
        try:
            name = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise AddressError(f"{domain[:80]!r} is not a domain name") from None
    name = name.lower()
    labels = name.split(".")
    # No top-level domain is a number; an IPv4 address here lacks its brackets.
    if len(name) > 253 or not all(map(_is_label, labels)) or labels[-1].isdigit():
        raise AddressError(f"{domain[:80]!r} is not a domain name")
    return name
