"""Uploads that run in the background."""

import asyncio
import logging

from postwright.kernel import failpoints
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, StoreUnavailable

from . import store, uploads
from .errors import ListNotFound

log = logging.getLogger("postwright.lists")

POLL_SECONDS = 0.2
PAUSE_SECONDS = 1.0


class Uploader:
    """Adds the members of large uploads. Any number may run: a batch counts for whoever is first."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        while not stop.is_set():
            try:
                busy = await self.step()
            except StoreUnavailable:
                busy = False
            except Exception:
                log.exception("an upload failed; trying again")
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            await asyncio.sleep(0 if busy else POLL_SECONDS)

    async def step(self) -> bool:
        """One batch of each upload that waits (up to ten); whether there was any."""
        tasks = await self._db.read(store.pending_uploads, 10)
        for task in tasks:
            try:
                await self._db.write(uploads.advance, self._clock.now(), task)
            except ListNotFound:
                continue  # deleted meanwhile, and the upload with it
            failpoints.hit("lists.uploaded")
        return bool(tasks)
