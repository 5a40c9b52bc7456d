"""A domain as the rest of the program sees it."""

import msgspec


class Check(msgspec.Struct, frozen=True):
    """What the last look at DNS found for one record."""

    valid: str  # valid · invalid · unknown
    found: list[str] = []


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
    ips: str
    created_at: int
    checks: dict[str, Check]
    checked_at: int

    @property
    def return_host(self) -> str:
        """The host of envelope senders."""
        return self.mailfrom_host or self.name
