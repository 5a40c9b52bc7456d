"""What is tracked in one message: decided when it is accepted, kept with it, the same for every attempt."""

import msgspec

from postwright.domains import Sendable

VARIABLES = (
    "%unsubscribe_url%",
    "%tag_unsubscribe_url%",
    "%mailing_list_unsubscribe_url%",
    "%unsubscribe_email%",
)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a message asks for itself; None or "": as its domain has it. `clicks`: no · yes · htmlonly."""

    opens: bool | None = None
    clicks: str = ""
    at_top: bool | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is done to each copy of a message."""

    base: str  # how links begin, without a slash at the end
    clicks: str = "no"
    opens: bool = False
    at_top: bool = False
    unsubscribes: bool = False  # List-Unsubscribe
    html_footer: str = ""
    text_footer: str = ""
    variables: bool = False  # there are unsubscribe variables to fill in
    mailing_list: str = ""  # the address of the list that the message goes to


def make(
    domain: Sendable, wish: Wish, *, fallback: str, variables: bool, mailing_list: str = ""
) -> Plan | None:
    """The plan for a message of `domain`, or None when nothing is to be done.

    The message's own wishes come before the domain's settings (behaviour.md 2.1). Links begin with the domain's
    tracking host when its CNAME is verified, else with `fallback`. Footers are left out where the message has
    unsubscribe links of its own (4.3).
    """
    held = domain.tracking
    opens = held.opens if wish.opens is None else wish.opens
    clicks = wish.clicks or held.clicks
    unsubscribes = held.unsubscribes or bool(mailing_list)
    if not opens and clicks == "no" and not unsubscribes and not variables:
        return None
    footers = held.unsubscribes and not variables
    return Plan(
        base=(domain.tracking_url or fallback).rstrip("/"),
        clicks=clicks,
        opens=opens,
        at_top=held.at_top if wish.at_top is None else wish.at_top,
        unsubscribes=unsubscribes,
        html_footer=held.html_footer if footers else "",
        text_footer=held.text_footer if footers else "",
        variables=variables,
        mailing_list=mailing_list,
    )


def has_variables(text: str | None) -> bool:
    """Whether a text has an unsubscribe variable."""
    return text is not None and "unsubscribe_" in text and any(name in text for name in VARIABLES)
