"""Copy large bodies elsewhere, or look whether all of them are there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable

from postwright.kernel.db import Db

from . import store
from .places import place

BATCH = 500
AT_ONCE = 8
Progress = Callable[[int, int], None]  # files so far, files in all


async def copy_bodies(named_by: Db, source: str, target: str, progress: Progress) -> dict[str, str]:
    """Copy every file that the store names; SHA-256 of each. One that is gone by now is left out.

    `source` and `target` are folders or s3:// URLs.
    """
    old, new = place(source), place(target)
    done: dict[str, str] = {}
    whole = await named_by.scan(store.count_files)

    async def one(name: str) -> None:
        try:
            data = await old.read(name)
        except FileNotFoundError:  # its message ended meanwhile
            return
        await new.write(name, data)
        done[name] = hashlib.sha256(data).hexdigest()
        progress(len(done), whole)

    async for names in _names(named_by):
        for start in range(0, len(names), AT_ONCE):
            await asyncio.gather(*(one(name) for name in names[start : start + AT_ONCE]))
    return done


async def missing_bodies(named_by: Db, location: str) -> list[str]:
    """The files that the store names and that are not at `location`."""
    there = set(await place(location).older(-86400))
    return [name async for names in _names(named_by) for name in names if name not in there]


async def _names(db: Db) -> AsyncIterator[list[str]]:
    last = -1
    while rows := await db.scan(store.files_after, last, BATCH):
        last = rows[-1][0]
        yield [name for _, name in rows]
