"""DKIM keys: made, kept sealed, handed to delivery, and what their owners do with them."""

import msgspec

from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault
from postwright.mail.dkim import DkimError, generate_key, public_txt

from . import store
from .errors import BadKey, DomainNotFound, KeyNotFound
from .records import Check

SELECTOR = "s1"
AUTOMATIC_SELECTORS = ("pdk1", "pdk2")  # behaviour.md 13.3
MAX_KEYS = 3  # of an authority (behaviour.md 13.4)
BITS = (1024, 2048)
REVOKED = "k=rsa; p="  # RFC 6376 §3.6.1
MAX_PEM = 16_384  # characters
_CODE_LENGTHS = (5, 8, 12, 24)  # hex digits


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
    """What DNS must say about a key, and what it last said. `code` is its place in our zone, if it lies there."""

    authority: str
    selector: str
    public: str
    active: bool
    code: str = ""
    check: Check = Check("unknown")


def new_key(bits: int = 2048) -> KeyPair:
    """Make a key; takes 50 to 300 ms, so not in a transaction nor on an event loop."""
    return KeyPair(*generate_key(bits))


def read_pem(pem: str) -> KeyPair:
    """The key in a PEM text. Raises BadKey."""
    if len(pem) > MAX_PEM:
        raise BadKey(f"pem is not valid: at most {MAX_PEM} characters expected")
    try:
        pair = KeyPair(pem, public_txt(pem))
    except DkimError as wrong:
        raise BadKey(f"pem is not valid: {wrong}") from wrong
    if not pair.public.startswith("k=rsa;"):
        raise BadKey("pem is not valid: an RSA private key expected")
    return pair


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
    code: str = "",
) -> bool:
    """Store a key; one that is there under this selector stays (False)."""
    return store.add_key(
        tx,
        {
            "id": hex_id(),
            "account_id": account_id,
            "authority": authority,
            "selector": selector,
            "private": seal(vault, account_id, authority, selector, pair),
            "public": pair.public,
            "active": active,
            "created_at": now,
            "published_at": now,
            "code": code,
        },
    )


def new_code(tx: Read, domain_id: str) -> str:
    """A place for a domain's keys in our zone: as much of the end of its id as nobody else has."""
    for length in _CODE_LENGTHS:
        if not store.is_code(tx, code := domain_id[-length:]):
            break
    return code


def signing_keys(tx: Read, vault: Vault, domain_id: str, *, judged: bool = False) -> list[SigningKey]:
    """The active keys that sign for a domain; none when it is gone.

    `judged`: without those that receivers would not find, as far as DNS was looked at.
    """
    return [
        SigningKey(row.authority, row.selector, open_key(vault, row))
        for row in store.signing_keys(tx, domain_id, judged=judged)
    ]


def signing_key_named(
    tx: Read, vault: Vault, account_id: str, authority: str, selector: str
) -> SigningKey | None:
    """One key of an account, active or not, or None."""
    row = store.key(tx, account_id, authority, selector)
    if row is None or not row.private:
        return None
    return SigningKey(row.authority, row.selector, open_key(vault, row))


def records(tx: Read, account_id: str, authority: str) -> list[KeyRecord]:
    """What DNS must say about all keys of an authority, by selector."""
    return [record(row) for row in store.keys(tx, account_id, authority)]


def record(row: store.Row) -> KeyRecord:
    """What DNS must say about a key."""
    check = Check(row.valid, msgspec.json.decode(row.found, type=list[str]))
    return KeyRecord(row.authority, row.selector, row.public, row.active, row.code, check)


def page(
    tx: Read,
    account_id: str,
    *,
    authority: str,
    selector: str,
    after: tuple[str, str] | None,
    backwards: bool,
    limit: int,
) -> list[KeyRecord]:
    """A page of an account's keys, by authority and selector."""
    rows = store.keys_page(
        tx,
        account_id,
        authority=authority,
        selector=selector,
        after=after,
        backwards=backwards,
        limit=limit,
    )
    return [record(row) for row in rows]


def need_authority(tx: Read, account_id: str, name: str) -> None:
    """Raise DomainNotFound unless a domain of the account is called `name` or signs as it."""
    if store.find(tx, account_id, name) is None and not store.of_authority(tx, account_id, name):
        raise DomainNotFound


def need(tx: Read, account_id: str, authority: str, selector: str) -> KeyRecord:
    """One key. Raises KeyNotFound."""
    return record(_need(tx, account_id, authority, selector))


def create(
    tx: Write, vault: Vault, now: int, account_id: str, authority: str, selector: str, pair: KeyPair
) -> KeyRecord:
    """Add a key that does not sign yet. Raises DomainNotFound, BadKey."""
    need_authority(tx, account_id, authority)
    held = store.keys(tx, account_id, authority)
    if any(row.selector == selector for row in held):
        raise BadKey(f"domain key already exists: {selector}._domainkey.{authority}")
    if len(held) >= MAX_KEYS:
        raise BadKey(f"cannot create domain key: at most {MAX_KEYS} domain keys are allowed")
    add_key(tx, vault, now, account_id, authority, selector, pair, active=False)
    return need(tx, account_id, authority, selector)


def delete(tx: Write, account_id: str, authority: str, selector: str) -> None:
    """Delete a key for good. Raises KeyNotFound, BadKey."""
    row = _own(tx, account_id, authority, selector)
    others = [each for each in store.keys(tx, account_id, authority) if each.id != row.id]
    if not any(each.active for each in others):
        raise BadKey("cannot delete domain key: must have at least one active domain key")
    store.delete_key(tx, row.id)


def set_active(
    tx: Write, account_id: str, authority: str, selector: str, *, active: bool, check: Check | None = None
) -> None:
    """Let a key sign, or no longer. `check` is what DNS said just now. Raises KeyNotFound, BadKey."""
    row = _own(tx, account_id, authority, selector)
    store.set_key(tx, row.id, {"active": active})
    if check is not None:
        keep_check(tx, account_id, authority, selector, row.public, check)


def keep_check(tx: Write, account_id: str, authority: str, selector: str, public: str, check: Check) -> None:
    """Remember what DNS said about a key, unless it is another one by now. What nobody could tell changes nothing."""
    row = store.key(tx, account_id, authority, selector)
    if row is None or row.public != public or check.valid == "unknown":
        return
    found = msgspec.json.encode(check.found).decode()
    if (row.valid, row.found) != (check.valid, found):
        store.set_key(tx, row.id, {"valid": check.valid, "found": found})


def rename(tx: Write, vault: Vault, now: int, account_id: str, authority: str, selector: str) -> bool:
    """Give the key that signs another selector; False when it has it. Raises KeyNotFound, BadKey."""
    held = store.keys(tx, account_id, authority)
    row = next((each for each in held if each.active), None)
    if row is None:
        raise KeyNotFound
    if row.code:
        raise BadKey(AUTOMATIC)
    if row.selector == selector:
        return False
    if any(each.selector == selector for each in held):
        raise BadKey("dkim_selector is not valid: another key has it")
    pair = KeyPair(open_key(vault, row).decode(), row.public)
    values = {
        "selector": selector,
        "private": seal(vault, account_id, authority, selector, pair),
        "valid": "unknown",
        "found": "[]",
        "published_at": now,
    }
    store.set_key(tx, row.id, values)
    return True


AUTOMATIC = "keys of automatic sender security change by rotation only"


def _own(tx: Read, account_id: str, authority: str, selector: str) -> store.Row:
    row = _need(tx, account_id, authority, selector)
    if row.code:
        raise BadKey(AUTOMATIC)
    return row


def _need(tx: Read, account_id: str, authority: str, selector: str) -> store.Row:
    row = store.key(tx, account_id, authority, selector)
    if row is None:
        raise KeyNotFound
    return row


def seal(vault: Vault, account_id: str, authority: str, selector: str, pair: KeyPair) -> bytes:
    """The private key as it is stored."""
    return vault.seal(pair.private.encode(), _place(account_id, authority, selector))


def open_key(vault: Vault, row: store.Row) -> bytes:
    """The private key of a row, PEM."""
    return vault.open(row.private, _place(row.account_id, row.authority, row.selector))


def _place(account_id: str, authority: str, selector: str) -> str:
    return f"dkim key {account_id}/{authority}/{selector}"
