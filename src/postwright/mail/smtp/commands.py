"""MAIL and RCPT: the path and its parameters (RFC 5321 §4.1.1.2, §4.1.2)."""

import re

from . import replies
from .replies import Reply

MAX_PATH = 512  # octets; RFC 5321 §4.5.3.1.3 asks for 256, internationalised addresses are longer
_PATH = re.compile(r"<(?:@[^:>]*:)?((?:\"(?:[^\"\\]|\\.)*\"|[^\"<>\s])*)>((?:\s+\S+)*)\s*")
_LOOSE = re.compile(r"([^\s<>]+)((?:\s+\S+)*)\s*")


class BadCommand(Exception):
    """The command cannot be executed; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(reply.text)


def parse_path(rest: bytes, word: bytes, *, empty: bool) -> tuple[str, dict[str, str]]:
    """Address and parameters (names in upper case) of `FROM:<a@b> SIZE=1`. Raises BadCommand.

    A source route is ignored, as RFC 5321 §4.1.1.3 wants; missing angle brackets are forgiven. `empty` allows
    the null path.
    """
    if rest[: len(word)].upper() != word or len(rest) > MAX_PATH + 512:
        raise BadCommand(replies.SYNTAX)
    text = rest[len(word) :].decode().strip()
    found = _PATH.fullmatch(text) or _LOOSE.fullmatch(text)
    if found is None:
        raise BadCommand(replies.SYNTAX)
    address, more = found[1], found[2]
    if not address and not empty:
        raise BadCommand(replies.SYNTAX)
    # RFC 5321 §4.5.1: postmaster alone is an address everywhere.
    if address and address.lower() != "postmaster" and not _plausible(address):
        raise BadCommand(Reply(501, "5.1.3", "Bad address syntax"))
    params = {}
    for word_ in more.split():
        name, _, value = word_.partition("=")
        params[name.upper()] = value
    return address, params


def _plausible(address: str) -> bool:
    return "@" in address[1:-1] and address.isprintable() and len(address) <= MAX_PATH
