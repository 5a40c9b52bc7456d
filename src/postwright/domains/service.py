"""The rules of domains."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from postwright.accounts import delete_domain_keys
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault
from postwright.mail.addresses import AddressError, to_ascii

from . import credentials, keys, rotation, store
from .errors import BadDomain, DisabledStays, DomainNotFound, NameTaken, SandboxStays
from .keys import AUTOMATIC_SELECTORS, SELECTOR, KeyPair
from .records import Domain, Tracking

SPAM_ACTIONS = ("disabled", "tag", "block")
WEB_SCHEMES = ("http", "https")
STATES = ("active", "unverified", "disabled")
MAX_LABELS = 10  # of a host, in looking for who takes its mail
# Bounds of how long mail is tried, in seconds (delivery-engineering.md section 4).
MIN_LIFETIME, MAX_LIFETIME = 300, 72 * 3600
MAX_TTL = 30 * 86400  # seconds: as long as events are kept
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")

find = store.find
by_id = store.by_id
named = store.named
sendable = store.sendable
first_active = store.first_active
page = store.page
account_of_host = store.account_of_host
ids_of_host = store.ids_of_host
tombstones = store.tombstones
forget_tombstone = store.forget_tombstone
redacts_webhooks = store.redacts_webhooks
forget_checks = store.drop_checks


def receiving(tx: Read, host: str) -> Domain | None:
    """The active domain that takes mail for `host` (ASCII, lower case).

    That is the domain of this name, else the nearest parent that takes mail for all its sub-hosts (`wildcard`), else
    the one whose bounces come back to it (mailfrom host).
    """
    labels = host.split(".")
    names = [".".join(labels[at:]) for at in range(len(labels) - 1)][:MAX_LABELS]
    found = store.receiving(tx, names, host)
    candidates = [each for each in found if each.name == host or (each.wildcard and each.name in names)]
    if candidates:
        return max(candidates, key=lambda each: len(each.name))
    bounced = [each for each in found if each.mailfrom_host == host]
    return min(bounced, key=lambda each: each.created_at) if bounced else None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A domain to create, checked. `pairs`: its keys by selector, made before the transaction."""

    name: str
    values: dict[str, Any]
    authority: str  # "": a parent domain of the account, if there is one, else itself
    pairs: dict[str, KeyPair]
    postmaster_hash: str = ""


def parse_name(text: str) -> str:
    """A domain name as DNS has it. Raises BadDomain."""
    try:
        name = to_ascii(text.strip().rstrip("."))
    except AddressError as wrong:
        raise BadDomain(f"Domain name is not valid: {wrong}") from wrong
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadDomain(
            "Domain name is not valid: at least two labels of letters, digits and hyphens expected"
        )
    if labels[-1].isdigit():
        raise BadDomain("Domain name is not valid: an IP address is not a domain")
    return name


def parse_label(text: str, what: str) -> str:
    """A host label such as the web prefix. Raises BadDomain."""
    label = text.strip().lower()
    if not _LABEL.fullmatch(label):
        raise BadDomain(f"{what} is not valid: letters, digits and hyphens expected")
    return label


def parse_selector(text: str, what: str = "dkim_selector") -> str:
    """A DKIM selector. Raises BadDomain."""
    if not _SELECTOR.fullmatch(text) or ".." in text:
        raise BadDomain(f"{what} is not valid: letters, digits and hyphens expected")
    return text


def parse_choice(text: str, known: Sequence[str], what: str) -> str:
    """One of `known`. Raises BadDomain."""
    if text not in known:
        raise BadDomain(f"{what} is not valid: one of {', '.join(known)} expected")
    return text


def root_of(name: str) -> str:
    """The domain above, when there is one that could be somebody's: `mail.example.com` has `example.com`."""
    _, _, parent = name.partition(".")
    return parent if "." in parent else name


def create(tx: Write, now: int, vault: Vault, account_id: str, plan: Plan) -> Domain:
    """Make a domain. Raises NameTaken."""
    authority = plan.authority or _authority(tx, account_id, plan.name)
    domain_id = hex_id()
    values = _DEFAULTS | plan.values
    values |= {
        "id": domain_id,
        "account_id": account_id,
        "name": plan.name,
        "authority": authority,
        "created_at": now,
    }
    if not store.insert_domain(tx, values):
        raise NameTaken
    if authority == plan.name or not keys.records(tx, account_id, authority):
        code = keys.new_code(tx, domain_id) if plan.values.get("automatic_security") else ""
        for number, (selector, pair) in enumerate(plan.pairs.items()):
            keys.add_key(tx, vault, now, account_id, authority, selector, pair, active=number == 0, code=code)
        if code:
            rotation.begin(tx, now, domain_id)
    if plan.postmaster_hash:
        credentials.set_password(tx, domain_id, "postmaster", plan.postmaster_hash, now)
    made = store.by_id(tx, domain_id)
    assert made is not None
    return made


_DEFAULTS: dict[str, Any] = {
    "state": "unverified",
    "type": "custom",
    "is_disabled": False,
    "automatic_security": False,
    "spam_action": "disabled",
    "wildcard": False,
    "require_tls": False,
    "skip_verification": False,
    "web_scheme": "http",
    "web_prefix": "email",
    "mailfrom_host": "",
    "archive_to": "",
    "encrypt_incoming": False,
    "message_ttl": 0,
    "checks": b"{}",
    "checked_at": 0,
}


def _authority(tx: Read, account_id: str, name: str) -> str:
    """The nearest parent domain of the account: it shares its key with those below it (behaviour.md 13.4)."""
    parent = name
    while "." in (parent := parent.partition(".")[2]):
        above = store.find(tx, account_id, parent)
        if above is not None:
            return above.authority
    return name


def create_first(
    tx: Write,
    now: int,
    vault: Vault,
    account_id: str,
    name: str,
    pair: KeyPair,
    *,
    sandbox: bool,
    postmaster_hash: str,
) -> Domain:
    """A domain of the first start: active at once. Raises BadDomain, NameTaken."""
    name = parse_name(name)
    plan = Plan(
        name=name,
        values={"state": "active", "type": "sandbox" if sandbox else "custom"},
        authority=name,
        pairs={SELECTOR: pair},
        postmaster_hash=postmaster_hash,
    )
    return create(tx, now, vault, account_id, plan)


def key_selectors(selector: str, *, automatic: bool) -> tuple[str, ...]:
    """The selectors of a new domain's keys."""
    return AUTOMATIC_SELECTORS if automatic else (selector or SELECTOR,)


def change(
    tx: Write, now: int, account_id: str, name: str, values: dict[str, Any], postmaster_hash: str
) -> Domain:
    """Change settings. Raises DomainNotFound, BadDomain."""
    domain = need(tx, account_id, name)
    if host := values.get("mailfrom_host"):
        _check_return_host(tx, domain, host)
    if values:
        store.set_domain(tx, domain.id, values)
    if postmaster_hash:
        credentials.set_password(tx, domain.id, "postmaster", postmaster_hash, now)
    return need(tx, account_id, name)


def _check_return_host(tx: Read, domain: Domain, host: str) -> None:
    """Bounces of our mail must not come to strangers, nor their name vouch for it (RFC 7489 §3.1.2)."""
    if host != domain.name and not host.endswith(f".{domain.name}") and not domain.name.endswith(f".{host}"):
        raise BadDomain("mailfrom_host must be the domain itself, or above or below it")
    if store.account_of_host(tx, host) not in (None, domain.account_id):
        raise BadDomain("mailfrom_host belongs to another account")


def parse_lifetime(seconds: int) -> int:
    """How long mail is tried; 0: as long as by default. Raises BadDomain."""
    if seconds and not MIN_LIFETIME <= seconds <= MAX_LIFETIME:
        raise BadDomain(f"lifetime is not valid: {MIN_LIFETIME} to {MAX_LIFETIME} seconds expected, or 0")
    return seconds


def set_tracking(tx: Write, account_id: str, name: str, changes: dict[str, Any]) -> Tracking:
    """Change what is tracked; `changes` are members of `Tracking`. Raises DomainNotFound."""
    domain = need(tx, account_id, name)
    changed = msgspec.structs.replace(domain.tracking, **changes)
    store.set_domain(tx, domain.id, {"tracking": msgspec.json.encode(changed).decode()})
    return changed


def need(tx: Read, account_id: str, name: str) -> Domain:
    """The account's domain of that name. Raises DomainNotFound."""
    domain = store.find(tx, account_id, lookup_name(name))
    if domain is None:
        raise DomainNotFound
    return domain


def set_authority(
    tx: Write, vault: Vault, now: int, account_id: str, name: str, own: bool, pair: KeyPair
) -> bool:
    """Let a domain sign as itself (`own`) or as the nearest domain above it; whether that changed anything.

    `pair` becomes its key when it has none. Raises DomainNotFound, BadDomain.
    """
    domain = need(tx, account_id, name)
    if domain.automatic_security:
        raise BadDomain("A domain with automatic sender security is its own DKIM authority")
    authority = domain.name if own else _authority(tx, account_id, domain.name)
    if authority == domain.authority:
        return False
    # What was found is about the keys of another.
    checks = {purpose: check for purpose, check in domain.checks.items() if not purpose.startswith("dkim:")}
    store.set_domain(tx, domain.id, {"authority": authority, "checks": msgspec.json.encode(checks)})
    if not keys.records(tx, account_id, authority):
        keys.add_key(tx, vault, now, account_id, authority, SELECTOR, pair, active=True)
    store.drop_unused(tx, account_id, (domain.authority,))
    return True


def lookup_name(text: str) -> str:
    """A name as it is stored, or "" for what cannot be one."""
    try:
        return to_ascii(text.strip())
    except AddressError:
        return ""


def delete(tx: Write, now: int, account_id: str, name: str) -> None:
    """Delete a domain. Raises DomainNotFound, SandboxStays, DisabledStays."""
    domain = need(tx, account_id, name)
    if domain.type == "sandbox":
        raise SandboxStays
    if domain.state == "disabled":
        raise DisabledStays
    delete_domain_keys(tx, account_id, domain.name)
    store.delete_domain(tx, domain, now)


def delete_of_closed(tx: Write, now: int, account_id: str, name: str) -> None:
    """Delete a domain of a closed account, whatever its kind and state. Raises DomainNotFound."""
    domain = need(tx, account_id, name)
    delete_domain_keys(tx, account_id, domain.name)
    store.delete_domain(tx, domain, now)


def owns(tx: Read, account_id: str, name: str) -> bool:
    """Whether the account has the domain."""
    return store.find(tx, account_id, lookup_name(name)) is not None
