"""`postwright ready`: whether the roles that run on this machine live. For supervisors of containers."""

import argparse
import socket
import sys

from postwright.kernel.clock import Clock
from postwright.kernel.db import StoreUnavailable, nodes_alive, open_db
from postwright.kernel.settings import Settings

from .roles import ROLES, chosen


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser("ready", help="exit with 0 when the roles of this machine live, else with 1")
    parser.set_defaults(run=_run)


def _run(settings: Settings, args: argparse.Namespace) -> int:
    db = open_db(settings.database, settings.data_dir)
    try:
        nodes = db.read_now(nodes_alive, Clock().now())
    except StoreUnavailable as wrong:
        print(f"postwright: not ready: {wrong.__cause__ or wrong}", file=sys.stderr)
        return 1
    finally:
        db.close_now()
    here = {node.role for node in nodes if node.host == socket.gethostname()}
    missing = sorted({ROLES[role] for role in chosen(settings.roles)} - here)
    if missing:
        print(f"postwright: not ready: no living process of: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0
