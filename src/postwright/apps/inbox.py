"""The command that shows the capture inbox."""

import argparse
import sys

from postwright import accounts
from postwright.capture import Query, page
from postwright.kernel.settings import Settings

from .context import open_context


def show(settings: Settings, args: argparse.Namespace) -> int:
    """Print the newest captured messages."""
    if settings.database == "sqlite" and not (settings.data_dir / "state.db").exists():
        print(f"postwright: no installation in {settings.data_dir}", file=sys.stderr)
        return 1
    context = open_context(settings, "cli")
    try:
        account_id = context.db.read_now(accounts.any_account)
        found = context.db.read_now(page, account_id or "", Query(limit=args.limit), "")
    finally:
        context.db.close_now()
    for item in found.items:
        print(f"{item.id:>6}  {item.received_at[:19]}  {item.recipient:32}  {item.subject}")
    if not found.items:
        print("nothing captured yet")
    return 0
