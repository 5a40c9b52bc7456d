"""`postwright migrate-store`: from the embedded store to PostgreSQL, with everything that waits to be sent."""

import argparse
import asyncio
import secrets
from urllib.parse import urlsplit

import msgspec

from postwright.analytics import copy_table
from postwright.kernel.db import Db, fact, open_db, settle
from postwright.kernel.db.engine import open_store
from postwright.kernel.db.migrate import migrate
from postwright.kernel.db.transfer import copy_store
from postwright.kernel.settings import Settings, checked
from postwright.spool import copy_bodies

from .context import open_context
from .errors import StartFailed
from .progress import Progress
from .start import MOVED_FACT, check_key, only_one, release

USED = ("accounts", "messages", "queue", "events")  # a store that has rows there is in use
STORE_FACT = "store"  # a name that a store keeps when it moves


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "migrate-store",
        help="move the embedded store to PostgreSQL, with all mail that waits",
        description="Stop the server first. Nothing is deleted here: until the move is complete this store stays "
        "in use, and after it this store refuses to start, so that no mail is sent from both.",
    )
    parser.add_argument("target", help="postgresql://… of an empty database")
    # Not called like settings: what flags say would be the settings of the old store too.
    parser.add_argument(
        "--bodies",
        dest="new_bodies",
        metavar="PLACE",
        default="",
        help="move large bodies there too: a folder or s3://bucket/prefix",
    )
    parser.add_argument(
        "--analytics",
        dest="new_analytics",
        metavar="PLACE",
        default="",
        help="move the event table there too: a folder or s3://…",
    )
    parser.set_defaults(run=_run)


def _run(settings: Settings, args: argparse.Namespace) -> int:
    if settings.database != "sqlite":
        raise StartFailed("migrate-store moves the embedded store; POSTWRIGHT_DATABASE names another one")
    target = checked(
        msgspec.structs.replace(
            settings,
            database=args.target,
            bodies=args.new_bodies or settings.bodies,
            analytics=args.new_analytics or settings.analytics,
        )
    )
    if not (settings.data_dir / "state.db").exists():
        raise StartFailed(f"there is no store in {settings.data_dir} (POSTWRIGHT_DATA)")
    progress = Progress()
    only_one(settings.data_dir)  # until this program ends
    name = _prepare(settings)
    migrate(target.database, target.data_dir)
    if _settled(target) == name:
        progress.step("The store had arrived already.")
    else:
        asyncio.run(_move_files(settings, target, progress))
        progress.step("Moving the store")
        rows = _move_rows(settings, target, progress)
        progress.step(f"Moved {sum(rows.values()):,} rows; {rows['queue']:,} recipients wait to be sent.")
    _leave(settings, target)
    print("Start the server with these settings (the key file stays where it is):")
    for setting in ("database", "bodies", "analytics"):
        if getattr(target, setting) != getattr(settings, setting):
            print(f"  POSTWRIGHT_{setting.upper()}={getattr(target, setting)}")
    return 0


def _prepare(settings: Settings) -> str:
    """Bring the old store up to date, with nothing leased in it; its name."""
    migrate(settings.database, settings.data_dir)
    context = open_context(settings, "move")
    try:
        check_key(context)
        if moved := context.db.read_now(fact, MOVED_FACT):
            raise StartFailed(f"this store was moved to {moved} already")
        release(context)
        return context.db.write_now(settle, STORE_FACT, secrets.token_hex(8))
    finally:
        context.db.close_now()


async def _move_files(settings: Settings, target: Settings, progress: Progress) -> None:
    """Before the rows that name them: should this end half-way, it is done again."""
    if target.bodies_location != settings.bodies_location:
        progress.step(f"Copying large bodies to {target.bodies_location}")
        db = open_db(settings.database, settings.data_dir)
        try:
            await copy_bodies(
                db,
                settings.bodies_location,
                target.bodies_location,
                lambda done, whole: progress.far("bodies", done, whole),
            )
        finally:
            await db.close()
    if target.analytics_location != settings.analytics_location:
        progress.step(f"Copying the event table to {target.analytics_location}")
        copy_table(
            settings.analytics_location,
            target.analytics_location,
            lambda done, whole: progress.far("files", done, whole),
        )


def _move_rows(settings: Settings, target: Settings, progress: Progress) -> dict[str, int]:
    old = open_store(settings.database, settings.data_dir)
    new = open_store(target.database, target.data_dir)
    try:
        return copy_store(old, new, USED, progress.far)
    finally:
        old.dispose()
        new.dispose()


def _settled(settings: Settings) -> str:
    db = open_db(settings.database, settings.data_dir)
    try:
        return db.read_now(fact, STORE_FACT)
    finally:
        db.close_now()


def _leave(settings: Settings, target: Settings) -> None:
    """Let the old store say where it went: two that send the same mail are worse than none."""
    db: Db = open_db(settings.database, settings.data_dir)
    parts = urlsplit(target.database)
    where = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    try:
        db.write_now(settle, MOVED_FACT, where)
    finally:
        db.close_now()
