"""A domain as the rest of the program sees it."""

import msgspec

from postwright.accounts import Status


class Check(msgspec.Struct, frozen=True):
    """What the last look at DNS found for one record."""

    valid: str  # valid · invalid · unknown
    found: list[str] = []


HTML_FOOTER = '\n<br>\n<p><a href="%unsubscribe_url%">unsubscribe</a></p>\n'
TEXT_FOOTER = "\n\nTo unsubscribe click: <%unsubscribe_url%>\n\n"


class Tracking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is tracked in a domain's mail (behaviour.md 4.3, 13.5). `clicks`: no · yes · htmlonly."""

    opens: bool = False
    at_top: bool = False  # where the pixel stands
    clicks: str = "no"
    unsubscribes: bool = False
    html_footer: str = HTML_FOOTER
    text_footer: str = TEXT_FOOTER


class Sendable(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about a message while it is accepted. `tracking_url` is "" without a verified tracking host."""

    name: str
    state: str
    is_disabled: bool
    type: str
    tracking: Tracking
    tracking_url: str
    require_tls: bool  # what holds for messages that do not say
    skip_verification: bool
    archive_to: str
    queue_lifetime: int  # seconds that its mail is tried for; 0: the default
    account_status: Status
    account_may_send: bool  # its feature `sending`
    is_limited: bool  # its account has a monthly limit
    hourly: int | None = None  # recipients that it may have in an hour

    @property
    def account_sends(self) -> bool:
        """Whether its account may send at all."""
        return self.account_status is Status.OPEN and self.account_may_send


def tracking_url(checks: dict[str, Check], web_scheme: str, web_prefix: str, name: str) -> str:
    """How the tracking links of a domain begin; "" unless its CNAME was found to be right."""
    check = checks.get("tracking")
    return f"{web_scheme}://{web_prefix}.{name}" if check is not None and check.valid == "valid" else ""


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """One domain with all its settings. Times in microseconds, `message_ttl` in seconds (0: the default)."""

    id: str
    account_id: str
    name: str
    state: str
    type: str
    is_disabled: bool
    authority: str
    automatic_security: bool
    spam_action: str
    wildcard: bool
    require_tls: bool
    skip_verification: bool
    web_scheme: str
    web_prefix: str
    mailfrom_host: str
    archive_to: str
    encrypt_incoming: bool
    message_ttl: int
    created_at: int
    checks: dict[str, Check]
    checked_at: int
    tracking: Tracking
    proven_at: int = 0  # when DNS last had what the domain needs; 0: never
    failing_since: int = 0  # since when it has not; 0: it has
    next_check_at: int = 0
    redact_webhooks: bool = False
    queue_lifetime: int = 0  # seconds that its mail is tried for; 0: the default

    @property
    def return_host(self) -> str:
        """The host of envelope senders."""
        return self.mailfrom_host or self.name
