"""Requests and replies of the domain operations."""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http import KeepEmpty, dates
from postwright.kernel.http.paging import Offset

from ..dns import Expected
from ..errors import BadLogin
from ..records import Check, Domain


class ListCredentials(Offset, kw_only=True):
    """Which logins to list."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        if self.limit > self.most:  # in words of its own (behaviour.md 13.6)
            raise BadLogin(f"Limit parameter can't be larger than {self.most}")
        super().__post_init__()


class NewCredentials(msgspec.Struct, kw_only=True):
    """Logins to create: local parts or whole addresses. All have the password; without one each gets its own."""

    login: list[str] = []
    mailbox: list[str] = []
    password: str = ""
    system: bool = False  # clients may say it; all logins are alike


class NewPassword(msgspec.Struct, kw_only=True):
    """Another password; without one, a new one is made."""

    password: str = ""


class CredentialInfo(msgspec.Struct):
    """A login."""

    created_at: str
    login: str
    mailbox: str
    size_bytes: int | None

    @classmethod
    def of(cls, login: str, created_at: int) -> "CredentialInfo":
        """A login as answers show it."""
        return cls(dates.offset(created_at), login, login, None)


class Credentials(msgspec.Struct):
    """A page of logins."""

    total_count: int
    items: list[CredentialInfo]


class CredentialsMade(msgspec.Struct):
    """What was done, and the passwords that were made up for it."""

    message: str
    note: str | UnsetType = UNSET
    credentials: dict[str, str] | UnsetType = UNSET


class RemovedLogin(msgspec.Struct):
    """What was deleted."""

    message: str
    spec: str


class Cleared(msgspec.Struct):
    """How many were deleted."""

    message: str
    count: int


class ListDomains(Offset, kw_only=True):
    """Which domains to list. `authority` is ignored when `state` is given."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    state: str = ""
    sort: str = ""
    authority: str = ""
    search: str = ""
    include_subaccounts: bool = False


class _Settings(msgspec.Struct, kw_only=True):
    spam_action: str | None = None
    smtp_password: str | None = None
    wildcard: bool | None = None
    require_tls: bool | None = None
    skip_verification: bool | None = None
    web_scheme: str | None = None
    web_prefix: str | None = None
    archive_to: KeepEmpty | None = None
    message_ttl: int | None = None
    use_automatic_sender_security: bool | None = None
    webhooks_redact_pii: bool | None = None


class CreateDomain(_Settings, kw_only=True):
    """A domain to create."""

    name: str
    dkim_key_size: str = ""
    dkim_selector: str = ""
    dkim_host_name: str = ""
    force_dkim_authority: bool = False
    force_root_dkim_host: bool = False
    encrypt_incoming_message: bool = False
    pool_id: str = ""
    ips: str = ""
    mailfrom_host: str | None = None


class ChangeDomain(_Settings, kw_only=True):
    """Settings to change; those left out stay."""

    mailfrom_host: KeepEmpty | None = None


class ShowDomain(msgspec.Struct, kw_only=True):
    """How much of a domain to show."""

    extended: Annotated[bool, msgspec.Meta()] = msgspec.field(name="h:extended", default=False)
    with_dns: bool = msgspec.field(name="h:with_dns", default=True)


class Disabled(msgspec.Struct):
    """Why a domain is disabled."""

    code: str
    note: str
    permanently: bool
    reason: str
    until: str


class DomainInfo(msgspec.Struct, kw_only=True):
    """A domain."""

    created_at: str
    id: str
    name: str
    state: str
    type: str
    smtp_login: str
    spam_action: str
    wildcard: bool
    require_tls: bool
    skip_verification: bool
    is_disabled: bool
    web_prefix: str
    web_scheme: str
    use_automatic_sender_security: bool
    encrypt_incoming_message: bool
    tracking_host: str
    dkim_host: str | UnsetType = UNSET
    mailfrom_host: str | UnsetType = UNSET
    archive_to: str | UnsetType = UNSET
    message_ttl: int | UnsetType = UNSET
    subaccount_id: str | UnsetType = UNSET
    smtp_password: str | UnsetType = UNSET
    disabled: Disabled | UnsetType = UNSET
    webhooks_redact_pii: bool | UnsetType = UNSET


class RecordInfo(msgspec.Struct, kw_only=True):
    """A DNS record that should be there, and whether it is."""

    record_type: str
    name: str | UnsetType = UNSET
    value: str
    priority: str | UnsetType = UNSET
    valid: str
    is_active: bool
    cached: list[str]


class Domains(msgspec.Struct):
    """A page of domains."""

    total_count: int
    items: list[DomainInfo]


class DomainShown(msgspec.Struct, kw_only=True):
    """A domain and the records it needs."""

    domain: DomainInfo
    receiving_dns_records: list[RecordInfo] | UnsetType = UNSET
    sending_dns_records: list[RecordInfo] | UnsetType = UNSET
    use_automatic_sender_security: bool


class DomainChanged(DomainShown, kw_only=True):
    """What was done, and the domain as it is now."""

    message: str


class Done(msgspec.Struct):
    """What was done."""

    message: str


class ChangeConnection(msgspec.Struct, kw_only=True):
    """How to connect to receivers."""

    require_tls: bool | None = None
    skip_verification: bool | None = None


class ConnectionInfo(msgspec.Struct):
    """How to connect to receivers."""

    require_tls: bool
    skip_verification: bool


class Connection(ConnectionInfo):
    """In both shapes that clients look for (behaviour.md 13.5)."""

    connection: ConnectionInfo


class ConnectionChanged(msgspec.Struct, kw_only=True):
    """What was set; twice, because clients look under either name."""

    message: str
    require_tls: bool
    skip_verification: bool
    require_tls_dashed: bool = msgspec.field(name="require-tls")
    skip_verification_dashed: bool = msgspec.field(name="skip-verification")


class ChangePrefix(msgspec.Struct, kw_only=True):
    """A new host label for tracking links."""

    web_prefix: str


def info(domain: Domain, account_id: str) -> DomainInfo:
    """A domain as answers show it; `account_id` is who asks."""
    more: dict[str, Any] = {}
    if domain.authority != domain.name:
        more["dkim_host"] = domain.authority
    if domain.mailfrom_host:
        more["mailfrom_host"] = domain.mailfrom_host
    if domain.archive_to:
        more["archive_to"] = domain.archive_to
    if domain.message_ttl:
        more["message_ttl"] = domain.message_ttl
    if domain.redact_webhooks:
        more["webhooks_redact_pii"] = True
    if domain.account_id != account_id:
        more["subaccount_id"] = domain.account_id
    return DomainInfo(
        created_at=dates.gmt(domain.created_at),
        id=domain.id,
        name=domain.name,
        state=domain.state,
        type=domain.type,
        smtp_login=f"postmaster@{domain.name}",
        spam_action=domain.spam_action,
        wildcard=domain.wildcard,
        require_tls=domain.require_tls,
        skip_verification=domain.skip_verification,
        is_disabled=domain.is_disabled,
        web_prefix=domain.web_prefix,
        web_scheme=domain.web_scheme,
        use_automatic_sender_security=domain.automatic_security,
        encrypt_incoming_message=domain.encrypt_incoming,
        tracking_host=f"{domain.web_prefix}.{domain.name}",
        **more,
    )


def record(expected: Expected, checks: dict[str, Check], *, named: bool) -> RecordInfo:
    """A DNS record as answers show it; MX records have no `name` there."""
    check = checks.get(expected.purpose, Check("unknown"))
    return RecordInfo(
        record_type=expected.record_type,
        name=expected.name if named else UNSET,
        value=expected.value,
        priority=expected.priority or UNSET,
        valid=check.valid,
        is_active=check.valid == "valid",
        cached=list(check.found),
    )
