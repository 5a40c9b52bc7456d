"""The first start: an account, a key, a sandbox domain to send from at once."""

import secrets

import msgspec

from postwright import accounts, domains, ips, users
from postwright.kernel.db import Write

from .context import Context


class Welcome(msgspec.Struct, frozen=True):
    """What the first start made, for the only time that it can be shown."""

    api_key: str
    domain: str  # the one to send from
    sandbox: str
    smtp_login: str
    smtp_password: str
    owner: str  # who signs in to the panel
    password_token: str  # of the link to choose a password with


def first_run(context: Context) -> Welcome | None:
    """Make the first account with its key and domains; None when there is one already."""
    if context.db.read_now(accounts.any_account):
        return None
    settings = context.settings
    sandbox = f"sandbox{secrets.token_hex(16)}.postwright.test"
    names = [name for name in (settings.domain.strip().lower(), sandbox) if name]
    password = secrets.token_urlsafe(15)
    hashed = domains.hash_password(password)
    # RSA keys take a good part of a second to make: not while a transaction holds the store.
    made = [(name, domains.new_key()) for name in names]
    secret = settings.api_key or None

    def create(tx: Write) -> Welcome:
        now = context.clock.now()
        account_id = accounts.create_account(tx, now, "Postwright", settings.owner_email, context.vault)
        key = accounts.create_key(
            tx, now, account_id, role="admin", description="made at the first start", secret=secret
        )
        for name, key_pair in made:
            domains.create_first(
                tx,
                now,
                context.vault,
                account_id,
                name,
                key_pair,
                sandbox=name == sandbox,
                postmaster_hash=hashed,
            )
        owner = users.create(tx, now, account_id, settings.owner_email, master=True)
        token = users.link(tx, now, owner, users.Purpose.INVITATION)
        login = f"postmaster@{names[0]}"
        return Welcome(key.secret, names[0], sandbox, login, password, owner.email, token)

    return context.db.write_now(create)


def declare_sources(context: Context) -> None:
    """Take over the source addresses of the settings, at every start; dedicated ones are the first account's."""

    def declare(tx: Write) -> None:
        account_id = accounts.any_account(tx)
        if account_id is not None:
            ips.declare(tx, context.clock.now(), account_id, ips.declared(context.settings))

    context.db.write_now(declare)
