"""`postwright backup` and `postwright restore`: copies of a running installation, and the proof that one is good.

A backup is a folder: `backup.json` (what is in it, with a SHA-256 of each file), `state.db` or `state.dump`, `bodies/`,
`analytics/` and `secret.key`. The event table is copied before the store: one that knew more than its store would
pass over the events that come next.
"""

import argparse
import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from postwright import __version__, levers
from postwright.analytics import copy_table, table_state
from postwright.kernel.db import open_db
from postwright.kernel.db.migrate import migrate
from postwright.kernel.db.saving import SaveFailed, drop_database, examine, load, make_database, save
from postwright.kernel.settings import Settings
from postwright.spool import copy_bodies, missing_bodies

from .context import open_context
from .progress import Progress
from .start import check_key

MANIFEST: Final = "backup.json"
HELD_NOTE: Final = "restored from a backup: what it was that had been sent since is not known"


class Manifest(msgspec.Struct):
    """What a backup has."""

    version: str  # of the program
    made_at: int  # seconds since the epoch
    database: str  # "sqlite" or "postgresql"
    rows: dict[str, int]  # by table
    events: int  # in the event table
    bodies: int  # files; -1: not in the backup
    files: dict[str, str]  # SHA-256 by path


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands' arguments."""
    backup = commands.add_parser("backup", help="copy the whole installation while it runs")
    backup.add_argument("folder", type=Path, help="a new folder")
    backup.add_argument(
        "--without-key",
        action="store_true",
        help="leave the key file out: keep it apart, nothing opens without it",
    )
    backup.set_defaults(run=_backup)
    restore = commands.add_parser(
        "restore", help="make an installation of a backup, or prove that one is good"
    )
    restore.add_argument("folder", type=Path, help="what `postwright backup` made")
    restore.add_argument(
        "--verify", action="store_true", help="restore to a place of its own, examine, throw away"
    )
    restore.add_argument(
        "--send",
        action="store_true",
        help="send at once what waits in the backup, even if it has been sent since",
    )
    restore.set_defaults(run=_restore)


def _backup(settings: Settings, args: argparse.Namespace) -> int:
    folder: Path = args.folder
    if folder.exists() and any(folder.iterdir()):
        raise SaveFailed(f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    progress = Progress()
    progress.step(f"Event table from {settings.analytics_location}")
    events, _ = copy_table(
        settings.analytics_location, str(folder / "analytics"), lambda n, of: progress.far("files", n, of)
    )
    kind = "sqlite" if settings.database == "sqlite" else "postgresql"
    progress.step("Store")
    saved = folder / _saved(kind)
    rows = save(settings.database, settings.data_dir, saved, lambda n, of: progress.far("octets", n, of))
    bodies = asyncio.run(_bodies(settings, folder, kind, progress))
    if args.without_key:
        progress.step(
            f"The key file is not in the backup: keep {settings.key_path} apart, nothing opens without it."
        )
    else:
        _copy_key(settings.key_path, folder / "secret.key")
        progress.step("The backup has the key file: whoever has the backup can open every secret in it.")
    progress.step("Sums")
    manifest = Manifest(
        __version__, int(time.time()), kind, rows, events, bodies, dict(_sums(folder, progress))
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    progress.step(
        f"Done: {sum(rows.values()):,} rows, {events:,} events, {max(bodies, 0):,} large bodies in {folder}"
    )
    return 0


async def _bodies(settings: Settings, folder: Path, kind: str, progress: Progress) -> int:
    if settings.bodies_location.startswith("s3://"):
        progress.step(
            f"Large bodies stay in {settings.bodies_location}: back that storage up (versions, a replica)."
        )
        return -1
    progress.step(f"Large bodies from {settings.bodies_location}")
    database, data = (settings.database, settings.data_dir) if kind != "sqlite" else ("sqlite", folder)
    db = open_db(database, data)
    try:
        target = str(folder / "bodies")
        copied = await copy_bodies(
            db, settings.bodies_location, target, lambda n, of: progress.far("files", n, of)
        )
    finally:
        await db.close()
        for rest in ("state.db-wal", "state.db-shm", "state.lock"):
            (folder / rest).unlink(missing_ok=True)
    return len(copied)


def _restore(settings: Settings, args: argparse.Namespace) -> int:
    folder: Path = args.folder
    manifest = _manifest(folder)
    progress = Progress()
    wrong = _compare_sums(folder, manifest, progress)
    if wrong:
        return _verdict(wrong)
    if args.verify:
        with _drill(settings, manifest) as scratch:
            _bring(scratch, folder, manifest, progress)
            return _verdict(_examine(scratch, folder, manifest, progress))
    if manifest.database == "sqlite" and settings.database != "sqlite":
        raise SaveFailed(
            "the backup is of an embedded store: restore it as one, then `postwright migrate-store`"
        )
    if manifest.database != "sqlite" and settings.database == "sqlite":
        raise SaveFailed("the backup is of a PostgreSQL store: set POSTWRIGHT_DATABASE to an empty database")
    _bring(settings, folder, manifest, progress)
    wrong = _examine(settings, folder, manifest, progress)
    if not wrong and not args.send:
        _hold(settings)
        print(
            "What waits in the backup is held: some of it may have been sent since. Look at it with "
            "`postwright queue list`, let it go with `postwright queue resume --all`."
        )
    return _verdict(wrong)


def _bring(settings: Settings, folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Put everything where the settings want it. Raises SaveFailed when something is there already."""
    key = folder / "secret.key"
    if key.exists() and not settings.key_path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy_key(key, settings.key_path)
    elif not settings.key_path.exists():
        raise SaveFailed(f"the backup has no key file: put it at {settings.key_path} (POSTWRIGHT_KEY_FILE)")
    progress.step("Store")
    load(folder / _saved(manifest.database), settings.database, settings.data_dir)
    migrate(settings.database, settings.data_dir)
    if manifest.bodies >= 0 and (folder / "bodies").exists():
        progress.step(f"Large bodies to {settings.bodies_location}")
        asyncio.run(_bring_bodies(settings, folder, progress))
    progress.step(f"Event table to {settings.analytics_location}")
    if table_state(settings.analytics_location) != (0, 0):
        raise SaveFailed(f"{settings.analytics_location} has an event table already; give an empty place")
    copy_table(
        str(folder / "analytics"), settings.analytics_location, lambda n, of: progress.far("files", n, of)
    )


async def _bring_bodies(settings: Settings, folder: Path, progress: Progress) -> None:
    db = open_db(settings.database, settings.data_dir)
    try:
        source = str(folder / "bodies")
        await copy_bodies(db, source, settings.bodies_location, lambda n, of: progress.far("files", n, of))
    finally:
        await db.close()


def _examine(settings: Settings, folder: Path, manifest: Manifest, progress: Progress) -> list[str]:
    """What is wrong with a restored installation."""
    progress.step("Examining what was restored")
    rows, wrong = examine(settings.database, settings.data_dir)
    for table, count in manifest.rows.items():
        if rows.get(table, 0) != count:
            wrong.append(f"table {table}: {rows.get(table, 0)} rows, {count} in the backup")
    events, position = table_state(settings.analytics_location)
    if events != manifest.events:
        wrong.append(f"event table: {events} events, {manifest.events} in the backup")
    context = open_context(settings, "restore")
    try:
        check_key(context)
        if manifest.bodies >= 0:
            missing = asyncio.run(missing_bodies(context.db, settings.bodies_location))
            wrong += [f"large body {name} is missing" for name in missing[:20]]
    finally:
        context.db.close_now()
    progress.step(
        f"{sum(rows.values()):,} rows, {events:,} events up to number {position}, the key opens the store."
    )
    return wrong


def _hold(settings: Settings) -> None:
    context = open_context(settings, "restore")
    try:
        context.db.write_now(
            levers.create, context.clock.now(), levers.PAUSE, "", levers.Filter(), None, HELD_NOTE, "restore"
        )
    finally:
        context.db.close_now()


@contextmanager
def _drill(settings: Settings, manifest: Manifest) -> Iterator[Settings]:
    """An installation of its own, for as long as it is examined."""
    with tempfile.TemporaryDirectory(prefix="postwright-drill-") as name:
        scratch = msgspec.structs.replace(
            settings, data=name, database="sqlite", bodies="", analytics="", key_file="", failpoints=""
        )
        if settings.key_path.exists():
            _copy_key(settings.key_path, Path(name) / "secret.key")
        if manifest.database == "sqlite":
            yield scratch
            return
        if settings.database == "sqlite":
            raise SaveFailed(
                "the backup is of a PostgreSQL store: POSTWRIGHT_DATABASE must name a server to try it on"
            )
        database = f"postwright_drill_{int(time.time())}"
        url = make_database(settings.database, database)
        try:
            yield msgspec.structs.replace(scratch, database=url)
        finally:
            drop_database(settings.database, database)


def _manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as wrong:
        raise SaveFailed(f"{folder} is no complete backup: {MANIFEST}: {wrong}") from wrong


def _compare_sums(folder: Path, manifest: Manifest, progress: Progress) -> list[str]:
    progress.step("Comparing sums")
    found = dict(_sums(folder, progress))
    wrong = [f"{name} is missing" for name in manifest.files if name not in found]
    changed = (name for name, digest in manifest.files.items() if found.get(name, digest) != digest)
    return wrong + [f"{name} is not what it was" for name in changed]


def _sums(folder: Path, progress: Progress) -> Iterator[tuple[str, str]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    for number, path in enumerate(paths, 1):
        with path.open("rb") as file:
            yield str(path.relative_to(folder)), hashlib.file_digest(file, "sha256").hexdigest()
        progress.far("files", number, len(paths))


def _saved(kind: str) -> str:
    return "state.db" if kind == "sqlite" else "state.dump"


def _copy_key(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    target.chmod(0o600)
    shutil.copyfile(source, target)


def _verdict(wrong: list[str]) -> int:
    for line in wrong:
        print(f"WRONG  {line}")
    print("The backup is not good." if wrong else "The backup is good.")
    return 1 if wrong else 0
