"""Commands about API keys."""

import argparse

from postwright import accounts
from postwright.kernel.db.migrate import migrate
from postwright.kernel.settings import Settings

from .context import open_context


def create(settings: Settings, args: argparse.Namespace) -> int:
    """Make an admin key for the first account and print it."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database, settings.data_dir)
    context = open_context(settings, "cli")
    try:
        account_id = context.db.read_now(accounts.any_account)
        if account_id is None:
            print("postwright: there is no account yet; `postwright serve` makes the first one")
            return 1
        key = context.db.write_now(
            accounts.create_key,
            context.clock.now(),
            account_id,
            role="admin",
            description="made on the command line",
        )
    finally:
        context.db.close_now()
    print(key.secret)
    return 0
