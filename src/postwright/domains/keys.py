"""DKIM keys: made, kept sealed, handed to delivery."""

import msgspec

from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault
from postwright.mail.dkim import generate_key

from . import store

SELECTOR = "s1"
AUTOMATIC_SELECTORS = ("pdk1", "pdk2")  # behaviour.md 13.3


class KeyPair(msgspec.Struct, frozen=True):
    """A key that is not stored yet."""

    private: str  # PEM
    public: str  # the TXT record


class SigningKey(msgspec.Struct, frozen=True):
    """A key to sign with: d= is `authority`, s= is `selector`."""

    authority: str
    selector: str
    pem: bytes


class KeyRecord(msgspec.Struct, frozen=True):
    """What DNS must say about a key."""

    authority: str
    selector: str
    public: str
    active: bool


def new_key(bits: int = 2048) -> KeyPair:
    """Make a key; takes 50 to 300 ms, so not in a transaction nor on an event loop."""
    return KeyPair(*generate_key(bits))


def add_key(
    tx: Write,
    vault: Vault,
    now: int,
    account_id: str,
    authority: str,
    selector: str,
    pair: KeyPair,
    *,
    active: bool,
) -> None:
    """Store a key; one that is there under this selector stays."""
    key_id = hex_id()
    store.add_key(
        tx,
        {
            "id": key_id,
            "account_id": account_id,
            "authority": authority,
            "selector": selector,
            "private": vault.seal(pair.private.encode(), _place(account_id, authority, selector)),
            "public": pair.public,
            "active": active,
            "created_at": now,
        },
    )


def signing_keys(tx: Read, vault: Vault, domain_id: str) -> list[SigningKey]:
    """The active keys that sign for a domain; none when it is gone."""
    return [
        SigningKey(row.authority, row.selector, _open(vault, row)) for row in store.active_keys(tx, domain_id)
    ]


def signing_key_named(
    tx: Read, vault: Vault, account_id: str, authority: str, selector: str
) -> SigningKey | None:
    """One key of an account, active or not, or None."""
    row = store.key(tx, account_id, authority, selector)
    return None if row is None else SigningKey(row.authority, row.selector, _open(vault, row))


def records(tx: Read, account_id: str, authority: str) -> list[KeyRecord]:
    """What DNS must say about all keys of an authority, by selector."""
    return [
        KeyRecord(row.authority, row.selector, row.public, row.active)
        for row in store.keys(tx, account_id, authority)
    ]


def _open(vault: Vault, row: store.Row) -> bytes:
    return vault.open(row.private, _place(row.account_id, row.authority, row.selector))


def _place(account_id: str, authority: str, selector: str) -> str:
    return f"dkim key {account_id}/{authority}/{selector}"
