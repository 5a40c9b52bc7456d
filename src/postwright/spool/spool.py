"""Put, get and forget message bytes."""

import logging

import msgspec

from postwright.kernel.db import Db, Read, Write, unavailable
from postwright.kernel.ids import hex_id

from . import store
from .places import PATIENCE, place

log = logging.getLogger("postwright.spool")

# Above this a row's pages crowd the others out of the database's cache (delivery-engineering.md 1.5).
INLINE_LIMIT = 256 * 1024
# A file this old that no row names was left by a request that died before its transaction.
ORPHAN_AGE = 3600  # seconds
BATCH = 200


class Blob(msgspec.Struct, frozen=True):
    """Bytes ready to be named by a transaction: either themselves or a file that already has them, durably."""

    data: bytes
    file: str = ""


class Spool:
    """The bytes of messages. `location`: where large ones lie, a folder or an s3:// URL.

    `patience`: seconds of trying before storage that is reached over the network counts as not available.
    """

    def __init__(self, location: str, patience: float = PATIENCE) -> None:
        self._place = place(location, patience)

    async def prepare(self, data: bytes) -> Blob:
        """Make `data` durable as far as needs no transaction. Raises StoreUnavailable when the disk refuses."""
        if len(data) <= INLINE_LIMIT:
            return Blob(data)
        name = hex_id()
        try:
            await self._place.write(name, data)
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
        """The bytes of `blob`. Raises FileNotFoundError when its file is gone, StoreUnavailable for now."""
        if not blob.file:
            return blob.data
        try:
            return await self._place.read(blob.file)
        except FileNotFoundError:
            raise
        except OSError as failure:
            raise unavailable(failure) from failure

    def remove(self, tx: Write, keys: list[int]) -> list[str]:
        """Forget bodies; the names of their files, to `unlink` after the transaction."""
        files = store.files(tx, keys)
        store.remove(tx, keys)
        return files

    async def unlink(self, files: list[str]) -> None:
        """Delete files that nothing names any more. What cannot be deleted now is left to `sweep`."""
        try:
            await self._place.remove(files)
        except OSError:
            log.warning("large bodies could not be deleted; a sweep will", extra={"count": len(files)})

    async def sweep(self, db: Db) -> int:
        """Delete files that nothing names; how many. Raises OSError."""
        old = await self._place.older(ORPHAN_AGE)
        gone = 0
        for start in range(0, len(old), BATCH):
            names = old[start : start + BATCH]
            known = await db.read(store.known_files, names)
            orphans = [name for name in names if name.removesuffix(".tmp") not in known]
            await self._place.remove(orphans)
            gone += len(orphans)
        return gone
