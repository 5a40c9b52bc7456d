"""Message bytes: small in the store, large in files, orphans swept."""

import os
import time
from pathlib import Path

import pytest

from postwright.kernel.db import Db, StoreUnavailable
from postwright.spool import Spool
from postwright.spool.spool import INLINE_LIMIT, ORPHAN_AGE
from tests.storage import names, s3


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path / "bodies"))


@pytest.mark.parametrize("size", [0, 10, INLINE_LIMIT, INLINE_LIMIT + 1])
async def test_bytes_come_back(db: Db, spool: Spool, size: int) -> None:
    data = os.urandom(size)
    await db.write(spool.attach, 1, await spool.prepare(data))
    blob = await db.read(spool.load, 1)
    assert blob is not None and bool(blob.file) == (size > INLINE_LIMIT)
    assert await spool.bytes_of(blob) == data
    files = await db.write(spool.remove, [1])
    await spool.unlink(files)
    assert await db.read(spool.load, 1) is None


async def test_files_that_nothing_names_are_swept_when_old(db: Db, spool: Spool, tmp_path: Path) -> None:
    kept = await spool.prepare(os.urandom(INLINE_LIMIT + 1))
    await db.write(spool.attach, 1, kept)
    orphan = await spool.prepare(os.urandom(INLINE_LIMIT + 1))
    folder = tmp_path / "bodies"
    assert await spool.sweep(db) == 0  # young: its transaction may still come
    old = time.time() - ORPHAN_AGE - 10
    for blob in (kept, orphan):
        os.utime(folder / blob.file, (old, old))
    assert await spool.sweep(db) == 1
    assert [entry.name for entry in folder.iterdir()] == [kept.file]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_the_same_in_a_bucket(db: Db) -> None:
    with s3("bodies") as storage:
        spool = Spool("s3://bodies/of/mail")
        data = os.urandom(INLINE_LIMIT + 1)
        kept, orphan = await spool.prepare(data), await spool.prepare(data)
        await db.write(spool.attach, 1, kept)
        assert sorted(names("bodies")) == sorted(f"of/mail/{blob.file}" for blob in (kept, orphan))
        assert await spool.bytes_of(kept) == data
        # Written by one process, read by another, on whatever machine.
        assert await Spool("s3://bodies/of/mail").bytes_of(kept) == data
        assert await spool.sweep(db) == 0
        assert sorted(await spool._place.older(-60)) == sorted([kept.file, orphan.file])
        await spool.unlink([orphan.file, "never-there"])
        assert names("bodies") == [f"of/mail/{kept.file}"]
        with pytest.raises(FileNotFoundError):
            await spool.bytes_of(orphan)
        storage.stop()
        short = Spool("s3://bodies/of/mail", patience=0.5)
        with pytest.raises(StoreUnavailable):
            await short.prepare(data)
        with pytest.raises(StoreUnavailable):
            await short.bytes_of(kept)
        storage.start()
