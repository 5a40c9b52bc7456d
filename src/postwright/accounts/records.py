"""Accounts and keys as the rest of the program sees them."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

import msgspec

from .roles import Kind, Role


class Status(StrEnum):
    """The state of an account. A disabled one has its API suspended, a closed one is gone for good."""

    OPEN = "open"
    DISABLED = "disabled"
    CLOSED = "closed"


class Account(msgspec.Struct, frozen=True):
    """An account without its secrets. Times in microseconds."""

    id: str
    parent_id: str | None
    name: str
    status: Status
    owner_email: str
    created_at: int
    updated_at: int
    may_send: bool = True
    features: dict[str, bool] = {}
    disabled_reason: str = ""
    absolute_seconds: int | None = None  # how long a session lasts
    inactive_seconds: int | None = None
    logout_url: str = ""
    hourly: int | None = None  # recipients that each of its domains may have in an hour


class MessageLimit(msgspec.Struct, frozen=True):
    """What an account may send in a month, and has sent in the month `month` (202611)."""

    maximum: int
    month: int
    used: int
    warned: int
    waived: int


class Principal(msgspec.Struct, frozen=True):
    """Who makes a request: the account it acts on (a subaccount, perhaps), and the key that proves it."""

    account_id: str
    key_id: str
    kind: Kind
    role: Role
    domain_name: str | None = None  # domain keys: the only domain they may send from
    user_id: str | None = None
    parent_id: str = ""  # the account of the key, when it acts on a subaccount

    @property
    def home_id(self) -> str:
        """The account that the key itself is of."""
        return self.parent_id or self.account_id


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret. Times in microseconds."""

    id: str
    kind: Kind
    role: Role
    description: str
    domain_name: str | None
    requestor: str | None
    user_id: str | None
    user_name: str | None
    expires_at: int | None
    is_disabled: bool
    disabled_reason: str | None
    created_at: int
    updated_at: int


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made; the only time its secret is known."""

    key: Key
    secret: str


class Holder(msgspec.Struct, frozen=True):
    """What a request needs to know about the key it came with."""

    principal: Principal
    account_status: Status
    is_disabled: bool
    expires_at: int | None  # microseconds
    last_used_at: int  # microseconds; 0: never
    inactive_seconds: int | None = None  # a session without a request ends after that
    networks: tuple[IPv4Network | IPv6Network, ...] = ()  # where it may be used from; none: everywhere
