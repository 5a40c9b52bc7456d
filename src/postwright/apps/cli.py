"""The command `postwright`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from postwright import __version__
from postwright.kernel import logs
from postwright.kernel.db.migrate import NewerSchema, migrate
from postwright.kernel.db.saving import SaveFailed
from postwright.kernel.db.transfer import MoveFailed
from postwright.kernel.secrets import SecretsError
from postwright.kernel.settings import Settings, SettingsError, load

from . import (
    addresses,
    backup,
    bundle,
    doctor,
    inbox,
    keys,
    movein,
    moving,
    people,
    queue,
    ready,
    sql,
    welcome,
)
from .errors import StartFailed
from .start import start


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = _parser().parse_args(argv)
    try:
        settings = _settings(args)
        logs.set_up(settings.log_level)
        status: int = args.run(settings, args)
        return status
    except (SettingsError, StartFailed, NewerSchema, SecretsError, MoveFailed, SaveFailed) as wrong:
        print(f"postwright: {wrong}", file=sys.stderr)
        return 2


_SERVE_FLAGS = ("data", "database", "http", "submission", "mx", "delivery", "domain", "roles")


def _settings(args: argparse.Namespace) -> Settings:
    """As file, environment and flags say now."""
    # Those of `serve` only: elsewhere --domain is another thing.
    flags = {name: getattr(args, name) for name in _SERVE_FLAGS} if args.run is _serve else {}
    return load(os.environ, {k: v for k, v in flags.items() if v}, args.config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="postwright", description="Self-hosted e-mail platform.")
    parser.add_argument("--version", action="version", version=f"postwright {__version__}")
    parser.add_argument("--config", type=Path, help="settings file (default: postwright.toml here, if any)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the server (every role, or those of --roles)")
    for name in _SERVE_FLAGS:
        serve.add_argument(f"--{name}", metavar="VALUE", help=f"like POSTWRIGHT_{name.upper()}")
    serve.set_defaults(run=_serve)
    upgrade = commands.add_parser("migrate", help="bring the database schema up to date and stop")
    upgrade.set_defaults(run=_migrate)
    key = commands.add_parser("create-key", help="make a new admin API key and print it")
    key.set_defaults(run=keys.create)
    user = commands.add_parser(
        "create-user", help="make a user of the panel and print a link to choose a password"
    )
    user.add_argument("email")
    user.add_argument("--role", default="admin", help="admin (default), developer, basic, support or billing")
    user.set_defaults(run=people.create)
    shown = commands.add_parser("inbox", help="list the newest captured messages")
    shown.add_argument("--limit", type=int, default=20)
    shown.set_defaults(run=inbox.show)
    queue.add(commands)
    movein.add(commands)
    addresses.add(commands)
    sql.add(commands)
    backup.add(commands)
    doctor.add(commands)
    ready.add(commands)
    bundle.add(commands)
    moving.add(commands)
    return parser


def _serve(settings: Settings, args: argparse.Namespace) -> int:
    # Children have their own lines; the supervisor's are few.
    logging.getLogger("postwright.supervisor").setLevel(settings.log_level.upper())
    return start(settings, welcome.show, lambda: _settings(args))


def _migrate(settings: Settings, args: argparse.Namespace) -> int:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    migrate(settings.database, settings.data_dir)
    print("postwright: the schema is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
