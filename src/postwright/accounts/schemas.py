"""Requests and replies of keys and the signing key."""

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http import dates

from .records import Key


class KeyFilter(msgspec.Struct, kw_only=True):
    """Which keys to list."""

    kind: str | None = None
    domain_name: str | None = None


class CreateKey(msgspec.Struct, kw_only=True):
    """A key to make. `expiration` is its life in seconds; `domain_name` is for kind `domain`."""

    role: str
    kind: str = "user"
    description: str = ""
    domain_name: str | None = None
    email: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    expiration: int | None = None


class KeyInfo(msgspec.Struct, kw_only=True):
    """A key without its secret. Times are UTC and carry no zone."""

    id: str
    description: str
    kind: str
    role: str
    created_at: str
    updated_at: str
    # Left out when unset: clients written in Go refuse null here (behaviour.md 19).
    expires_at: str | UnsetType = UNSET
    disabled_reason: str | UnsetType = UNSET
    is_disabled: bool
    domain_name: str | None
    requestor: str | None
    user_name: str | None


class KeyWithSecret(KeyInfo, kw_only=True):
    """A key that was just made; its secret is never shown again."""

    secret: str


class KeyList(msgspec.Struct):
    """The keys of an account, oldest first."""

    total_count: int
    items: list[KeyInfo]


class KeyCreated(msgspec.Struct):
    """The answer to making a key."""

    message: str
    key: KeyWithSecret


class PublicKey(msgspec.Struct):
    """A new public key, which is shown only here."""

    key: str
    message: str


class Done(msgspec.Struct):
    """What was done."""

    message: str


class SigningKey(msgspec.Struct, omit_defaults=True):
    """The key that webhooks are signed with."""

    http_signing_key: str
    message: str | UnsetType = UNSET


def info(key: Key) -> KeyInfo:
    """A key as the API shows it."""
    return KeyInfo(
        id=key.id,
        description=key.description,
        kind=key.kind,
        role=key.role,
        created_at=dates.plain(key.created_at),
        updated_at=dates.plain(key.updated_at),
        expires_at=UNSET if key.expires_at is None else dates.plain(key.expires_at),
        disabled_reason=key.disabled_reason or UNSET,
        is_disabled=key.is_disabled,
        domain_name=key.domain_name,
        requestor=key.requestor,
        user_name=key.user_name,
    )


def with_secret(key: Key, secret: str) -> KeyWithSecret:
    """The same, with the secret."""
    return KeyWithSecret(**msgspec.structs.asdict(info(key)), secret=secret)
