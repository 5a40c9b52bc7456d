"""Recipient variables: `%recipient.name%` and its kin, put in for one recipient (behaviour.md 2.3)."""

import re
from typing import Any

import msgspec

from postwright.mail.addresses import Address, AddressError, parse_one
from postwright.mail.headers import decode

from .records import Personal

_TOKEN = re.compile(r"%recipient(?:_(email|name|fname|lname)|\.([^%\r\n]{1,256}))?%")
# Headers that only we may set, because what they say is ours to say.
OURS = frozenset(("from", "to", "cc", "bcc", "subject", "received", "dkim-signature", "return-path"))
_BREAKS = re.compile(r"[\r\n\0]+")


class Person:
    """One recipient, as the substitutions see it."""

    def __init__(self, personal: Personal) -> None:
        self._to = personal.to
        self._variables = personal.variables
        try:
            self._address: Address | None = parse_one(personal.to)
        except AddressError:
            self._address = None

    def fill(self, text: str) -> str:
        """`text` with every known token replaced; an unknown variable's token stays as it is."""
        return _TOKEN.sub(self._value, text) if "%recipient" in text else text

    def fill_header(self, text: str) -> str:
        """Like `fill` for a header: a value cannot break out of its line."""
        return _BREAKS.sub(" ", self.fill(text))

    def own(self, prefix: str) -> dict[str, str]:
        """The recipient's own headers (`h:`) or variables (`v:`)."""
        return {key[2:]: as_text(value) for key, value in self._variables.items() if key.startswith(prefix)}

    def headers(self) -> dict[str, str]:
        """The recipient's own headers, of those that a message may choose."""
        found = {name: self.fill_header(value) for name, value in self.own("h:").items() if _may_be_own(name)}
        return {name: value for name, value in found.items() if value.isprintable()}

    def _value(self, found: re.Match[str]) -> str:
        kind, key = found.groups()
        if key is not None:
            return as_text(self._variables[key]) if key in self._variables else found[0]
        name = self._address.name if self._address else ""
        if kind is None:
            return decode(self._to)
        if kind == "email":
            return self._address.spec if self._address else self._to
        first, _, rest = name.partition(" ")
        return {"name": name, "fname": first, "lname": rest.rpartition(" ")[2]}[kind]


def _may_be_own(name: str) -> bool:
    """Whether each recipient may have a header called so; others would change what the message is, or who sent it."""
    lowered = name.lower()
    known = lowered in OURS or lowered in ("message-id", "mime-version") or lowered.startswith("content-")
    return not known and name.isascii() and name.replace("-", "").isalnum()


def as_text(value: Any) -> str:
    """A JSON value as the text it stands for: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def has_tokens(text: str | None) -> bool:
    """Whether there may be anything to replace."""
    return text is not None and "%recipient" in text
