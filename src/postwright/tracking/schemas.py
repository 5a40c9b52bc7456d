"""Requests and replies of the tracking settings (behaviour.md 13.5)."""

import msgspec

from postwright.domains import Tracking
from postwright.kernel.http import KeepEmpty


class ChangeOpen(msgspec.Struct, kw_only=True):
    """How opens are tracked; what is left out stays."""

    active: bool | None = None
    place_at_the_top: bool | None = None


class ChangeClick(msgspec.Struct, kw_only=True):
    """How clicks are tracked: yes, no, or htmlonly."""

    active: str = ""


class ChangeUnsubscribe(msgspec.Struct, kw_only=True):
    """How unsubscribes are tracked; an empty footer means none."""

    active: bool | None = None
    html_footer: KeepEmpty | None = None
    text_footer: KeepEmpty | None = None


class Open(msgspec.Struct):
    """Whether opens are tracked, and where the pixel stands."""

    active: bool
    place_at_the_top: bool


class Click(msgspec.Struct):
    """Whether clicks are tracked; in HTML alone: `htmlonly`."""

    active: bool | str


class Unsubscribe(msgspec.Struct):
    """Whether unsubscribes are tracked, and the footers."""

    active: bool
    html_footer: str
    text_footer: str


class Settings(msgspec.Struct):
    """What is tracked."""

    open: Open
    click: Click
    unsubscribe: Unsubscribe
    web_scheme: str


class Shown(msgspec.Struct):
    """What is tracked."""

    tracking: Settings


class OpenChanged(msgspec.Struct):
    """What was set."""

    open: Open
    message: str


class ClickChanged(msgspec.Struct):
    """What was set."""

    click: Click
    message: str


class UnsubscribeChanged(msgspec.Struct):
    """What was set."""

    unsubscribe: Unsubscribe
    message: str


def open_(held: Tracking) -> Open:
    """As answers show it."""
    return Open(held.opens, held.at_top)


def click(held: Tracking) -> Click:
    """As answers show it: a boolean wherever one can say it, because half of the clients know no other type."""
    return Click("htmlonly" if held.clicks == "htmlonly" else held.clicks == "yes")


def unsubscribe(held: Tracking) -> Unsubscribe:
    """As answers show it."""
    return Unsubscribe(held.unsubscribes, held.html_footer, held.text_footer)
