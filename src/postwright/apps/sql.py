"""`postwright sql`: the operator's own questions about all events."""

import argparse
import csv
import sys

from postwright.analytics import BadQuery, Behind, Ledger, TooLong, run_sql
from postwright.kernel.clock import Clock
from postwright.kernel.db import open_db
from postwright.kernel.settings import Settings

ROWS = 100_000


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser("sql", help="run a SELECT over all events (view: events), as CSV")
    parser.add_argument("query")
    parser.add_argument("--limit", type=int, default=1000)
    parser.set_defaults(run=_run)


def _run(settings: Settings, args: argparse.Namespace) -> int:
    db = open_db(settings.database, settings.data_dir)
    ledger = Ledger(settings, db, Clock())
    try:
        limit = min(max(args.limit, 1), ROWS)
        table = ledger.ask_now(run_sql, (), args.query, limit, settings.data_dir / "analytics-spill")
    except (BadQuery, TooLong, Behind) as refused:
        print(f"postwright: {refused.text}", file=sys.stderr)
        return 1
    finally:
        ledger.close()
        db.close_now()
    out = csv.writer(sys.stdout)
    out.writerow(table.column_names)
    out.writerows(row.values() for row in table.to_pylist())
    return 0
