"""Put, get and forget message bytes."""

import asyncio
import os
import time
from pathlib import Path

import msgspec

from postwright.kernel.db import Db, Read, Write, unavailable
from postwright.kernel.ids import hex_id

from . import store

# Above this a row's pages crowd the others out of the database's cache (delivery-engineering.md 1.5).
INLINE_LIMIT = 256 * 1024
# A file this old that no row names was left by a request that died before its transaction.
ORPHAN_AGE = 3600  # seconds
BATCH = 200


class Blob(msgspec.Struct, frozen=True):
    """Bytes ready to be named by a transaction: either themselves or a file that already has them, synced."""

    data: bytes
    file: str = ""


class Spool:
    """The bytes of messages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def prepare(self, data: bytes) -> Blob:
        """Make `data` durable as far as needs no transaction. Raises StoreUnavailable when the disk refuses."""
        if len(data) <= INLINE_LIMIT:
            return Blob(data)
        name = hex_id()
        try:
            await asyncio.to_thread(self._write, name, data)
        except OSError as failure:
            raise unavailable(failure) from failure
        return Blob(b"", name)

    def attach(self, tx: Write, key: int, blob: Blob) -> None:
        """Name `blob` by `key`, in the transaction."""
        store.insert_body(tx, key, blob.file, blob.data)

    def load(self, tx: Read, key: int) -> Blob | None:
        """The body named `key`; its bytes may still have to be read with `bytes_of`."""
        found = store.get(tx, key)
        return None if found is None else Blob(found[1], found[0])

    async def bytes_of(self, blob: Blob) -> bytes:
        """The bytes of `blob`. Raises FileNotFoundError when its file is gone."""
        if not blob.file:
            return blob.data
        return await asyncio.to_thread((self._folder / blob.file).read_bytes)

    def remove(self, tx: Write, keys: list[int]) -> list[str]:
        """Forget bodies; the names of their files, to `unlink` after the transaction."""
        files = store.files(tx, keys)
        store.remove(tx, keys)
        return files

    async def unlink(self, files: list[str]) -> None:
        """Delete files that nothing names any more."""
        if files:
            await asyncio.to_thread(self._unlink, files)

    async def sweep(self, db: Db) -> int:
        """Delete files that nothing names; how many."""
        old = await asyncio.to_thread(self._old_files, time.time() - ORPHAN_AGE)
        gone = 0
        for start in range(0, len(old), BATCH):
            names = old[start : start + BATCH]
            known = await db.read(store.known_files, names)
            orphans = [name for name in names if name.removesuffix(".tmp") not in known]
            await asyncio.to_thread(self._unlink, orphans)
            gone += len(orphans)
        return gone

    def _write(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._folder / f"{name}.tmp"
        try:
            with open(temporary, "xb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)  # on a full disk it would take the room of others
            raise
        temporary.rename(self._folder / name)
        # The rename itself is durable only when the folder is synced (fsync(2), NOTES).
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _old_files(self, before: float) -> list[str]:
        if not self._folder.exists():
            return []
        with os.scandir(self._folder) as entries:
            return [entry.name for entry in entries if entry.is_file() and entry.stat().st_mtime < before]

    def _unlink(self, names: list[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
