"""Sending domains: their settings, DKIM keys, SMTP credentials, DNS records and the proof of ownership.

Tables: `domains`, `dkim_keys`, `dkim_rotations`, `domain_checks`, `domain_hours`, `smtp_credentials`,
`domain_tombstones`. A domain name exists once in an installation and belongs to one account. It has at least one key
under its DKIM authority (itself, or a parent domain of the same account). A deleted domain leaves a tombstone until
every other concept has let go of it. Private keys are sealed, passwords hashed with Argon2id.
"""

from postwright.kernel.passwords import NO_PASSWORD, verify_password

from .allowance import spend, spend_some
from .checks import Checker, look
from .credentials import Credential, hash_password, login
from .dns import Installation, is_alias, is_published, sending_records
from .errors import BadDomain, DomainNotFound
from .keys import KeyPair, SigningKey, new_key, signing_key_named, signing_keys
from .records import Domain, Sendable, Tracking
from .rotation import Rotator
from .scope import DomainScope, domain_scope, scope_finder
from .service import (
    account_of_host,
    by_id,
    create_first,
    delete_of_closed,
    find,
    first_active,
    forget_checks,
    forget_tombstone,
    ids_of_host,
    named,
    need,
    owns,
    receiving,
    redacts_webhooks,
    sendable,
    set_tracking,
    tombstones,
)
from .store import account_of_tombstone, active, has_tombstones, ids, names, of_name, web_schemes
from .tables import domains as domains_table

__all__ = [
    "NO_PASSWORD",
    "BadDomain",
    "Checker",
    "Credential",
    "Domain",
    "DomainNotFound",
    "DomainScope",
    "Installation",
    "KeyPair",
    "Rotator",
    "Sendable",
    "SigningKey",
    "Tracking",
    "account_of_host",
    "account_of_tombstone",
    "active",
    "by_id",
    "create_first",
    "delete_of_closed",
    "domain_scope",
    "domains_table",
    "find",
    "first_active",
    "forget_checks",
    "forget_tombstone",
    "has_tombstones",
    "hash_password",
    "ids",
    "ids_of_host",
    "is_alias",
    "is_published",
    "login",
    "look",
    "named",
    "names",
    "need",
    "new_key",
    "of_name",
    "owns",
    "receiving",
    "redacts_webhooks",
    "scope_finder",
    "sendable",
    "sending_records",
    "set_tracking",
    "signing_key_named",
    "signing_keys",
    "spend",
    "spend_some",
    "tombstones",
    "verify_password",
    "web_schemes",
]
