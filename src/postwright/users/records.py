"""People as the rest of the program sees them."""

from enum import StrEnum

import msgspec

from postwright.accounts import Role

ADMIN = Role.ADMIN
ROLES = (Role.BASIC, Role.BILLING, Role.SUPPORT, Role.DEVELOPER, Role.ADMIN)


class Purpose(StrEnum):
    """What a link in a mail is for. Both let its reader choose a password."""

    INVITATION = "invitation"
    RESET = "reset"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person without secrets. Times in microseconds."""

    id: str
    account_id: str
    email: str
    name: str
    role: Role
    is_master: bool
    is_disabled: bool
    activated: bool
    password_updated_at: int | None
    tfa_active: bool
    tfa_created_at: int | None
    time_zone: str
    opened_ip: str
    signed_in_at: int | None
    created_at: int
    updated_at: int


class Secrets(msgspec.Struct, frozen=True):
    """What proves that somebody is a user."""

    password_hash: str | None
    tfa_secret: bytes | None  # sealed
    tfa_active: bool
    tfa_step: int
    recovery: tuple[str, ...]  # digests
