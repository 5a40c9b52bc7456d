r"""The actions of routes: forward(…), store(…), stop() (behaviour.md 10.2).

`\1` and `\g<name>` in a destination stand for what the expression's patterns caught. They are no part of a URL's
host: who writes to us must not choose whom we call.
"""

import re
from urllib.parse import quote

import msgspec

from postwright.kernel.outgoing import TargetRefused, parse_url
from postwright.kernel.patterns import Match
from postwright.mail.addresses import AddressError, parse_one

MAX_LENGTH = 4000  # characters of one action (behaviour.md 10.2)
MAX_DESTINATIONS = 50  # of one action

_CALL = re.compile(r"\s*([A-Za-z_]+)\s*\((.*)\)\s*;?\s*", re.DOTALL)
_ARGUMENT = re.compile(
    r"\s*(?:notify\s*=\s*)?(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\"',]+?))\s*(?:,|\Z)",
    re.IGNORECASE,
)
_CAPTURE = re.compile(r"\\(?:(?P<number>[0-9]{1,2})|g<(?P<name>[^<>\\]{1,100})>)")
_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)


class BadAction(ValueError):
    """The text is no action; the message says why, for people."""


class Forward(msgspec.Struct, frozen=True, tag="forward"):
    """Send the message on to addresses and URLs."""

    destinations: list[str]


class Store(msgspec.Struct, frozen=True, tag="store"):
    """Keep the message, and tell a URL of it ("": nobody)."""

    notify: str = ""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Look at no further route."""


Action = Forward | Store | Stop


def is_url(destination: str) -> bool:
    """Whether a destination is a URL rather than an address."""
    return "://" in destination


def parse(text: str) -> Action:
    """The action in `text`, checked as far as captures allow. Raises BadAction."""
    if len(text) > MAX_LENGTH:
        raise BadAction(f"an action has at most {MAX_LENGTH} characters")
    call = _CALL.fullmatch(text)
    name = call[1].lower() if call else ""
    if call is None or name not in ("forward", "store", "stop"):
        raise BadAction(f'{text[:100]!r} is none of forward("…"), store(…), stop()')
    given = _arguments(call[2], text)
    if name == "stop":
        if given:
            raise BadAction("stop() takes nothing")
        return Stop()
    if name == "store":
        if len(given) > 1:
            raise BadAction("store() takes one URL")
        if given:
            _check(given[0], urls_only=True)
        return Store(*given)
    if not given:
        raise BadAction("forward() needs a destination")
    if len(given) > MAX_DESTINATIONS:
        raise BadAction(f"forward() takes at most {MAX_DESTINATIONS} destinations")
    for destination in given:
        _check(destination)
    return Forward(given)


def written(action: Action) -> str:
    """An action as text."""
    if isinstance(action, Stop):
        return "stop()"
    if isinstance(action, Store):
        return f'store(notify="{action.notify}")' if action.notify else "store()"
    destinations = ", ".join(f'"{one}"' for one in action.destinations)
    return f"forward({destinations})"


def _arguments(text: str, whole: str) -> list[str]:
    """The arguments; several may stand in one pair of quotes, with commas."""
    found: list[str] = []
    at = 0
    while text[at:].strip():
        hit = _ARGUMENT.match(text, at)
        if hit is None:
            raise BadAction(f"cannot read the arguments of {whole[:100]!r}")
        content = hit["double"] or hit["single"] or hit["bare"] or ""
        found.extend(_pieces(content))
        at = hit.end()
    return found


def _pieces(text: str) -> list[str]:
    """The destinations in one text. A comma within a URL is no separator, unless another destination follows."""
    pieces: list[str] = []
    for piece in text.split(","):
        is_new = "@" in piece or "://" in piece
        if pieces and is_url(pieces[-1]) and not is_new:
            pieces[-1] += f",{piece}"
        elif piece.strip():
            pieces.append(piece)
    return [piece.strip() for piece in pieces]


def _check(destination: str, *, urls_only: bool = False) -> None:
    if is_url(destination):
        authority = _AUTHORITY.match(destination)
        if authority and "\\" in authority[0]:
            raise BadAction(f"{destination[:200]!r}: captures must not be in the host part of a URL")
        try:
            parse_url(_CAPTURE.sub("x", destination))
        except TargetRefused as refused:
            raise BadAction(f"{destination[:200]!r} is not a valid URL: {refused}") from refused
    elif urls_only:
        raise BadAction(f"{destination[:200]!r} is not a valid URL")
    else:
        try:
            parse_one(_CAPTURE.sub("x", destination))
        except AddressError as wrong:
            raise BadAction(f"{destination[:200]!r} is neither a URL nor an address: {wrong}") from wrong


def expand(action: Action, captures: Match) -> Action:
    """The action with what was caught put in; destinations that then are none are left out."""
    if isinstance(action, Stop):
        return action
    if isinstance(action, Store):
        return Store(_filled(action.notify, captures))
    filled = (_filled(one, captures) for one in action.destinations)
    return Forward([one for one in filled if one])


def _filled(destination: str, captures: Match) -> str:
    """One destination; "" when it cannot be one any more."""
    if "\\" not in destination:
        return destination
    of_url = is_url(destination)

    def caught(hit: re.Match[str]) -> str:
        if hit["name"] is not None:
            text = captures.named.get(hit["name"], "")
        else:
            number = int(hit["number"])
            text = captures.groups[number - 1] if 0 < number <= len(captures.groups) else ""
        # What a stranger wrote stays within its path segment or query value.
        return quote(text, safe="@:") if of_url else text

    made = _CAPTURE.sub(caught, destination)
    try:
        if of_url:
            parse_url(made)
        else:
            parse_one(made)
    except (TargetRefused, AddressError):
        return ""
    return made
