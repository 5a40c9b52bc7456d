"""Commands about the people who use the panel."""

import argparse
import sys

from postwright import accounts, users
from postwright.kernel.db import Write
from postwright.kernel.db.migrate import migrate
from postwright.kernel.errors import Refused
from postwright.kernel.settings import Settings

from .context import open_context
from .welcome import panel_link


def create(settings: Settings, args: argparse.Namespace) -> int:
    """Make a user of the first account, or renew the link of one who is there, and print the link."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database, settings.data_dir)
    context = open_context(settings, "cli")

    def make(tx: Write) -> str | None:
        account_id = accounts.any_account(tx)
        if account_id is None:
            return None
        now = context.clock.now()
        user = users.find(tx, account_id, args.email)
        if user is None:
            first = not users.any_user(tx, account_id)
            user = users.create(tx, now, account_id, args.email, role=args.role, master=first)
        return users.link(tx, now, user, users.Purpose.INVITATION)

    try:
        token = context.db.write_now(make)
    except Refused as refused:
        print(f"postwright: {refused.text}", file=sys.stderr)
        return 1
    finally:
        context.db.close_now()
    if token is None:
        print("postwright: there is no account yet; `postwright serve` makes the first one", file=sys.stderr)
        return 1
    print(panel_link(settings.local_url, token))
    return 0
