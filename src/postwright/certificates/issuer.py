"""Obtains certificates that are due, one order for each."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, StoreUnavailable
from postwright.kernel.ids import url_token
from postwright.kernel.secrets import SecretsError, Vault
from postwright.kernel.settings import Settings

from . import service, store
from .authority import Authority, IssueFailed, Order, new_key
from .records import LEASE_SECONDS, Certificate, Issued

log = logging.getLogger("postwright.certificates")

POLL_SECONDS = 1.0
LOOK_SECONDS = 0.25  # between looks at an order
ATTEMPT_SECONDS = 180.0
CHALLENGE_SECONDS = 3600  # answers are removed after the attempt; this is for processes that die
AT_ONCE = 4


class Issuer:
    """The worker of one process. `own`: names of the installation itself that need certificates."""

    def __init__(
        self, *, settings: Settings, db: Db, clock: Clock, vault: Vault, own: tuple[str, ...] = ()
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._vault = vault
        self._own = own
        self._paused_until = 0  # the authority asked for a pause
        self._account = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`. Does nothing without an authority."""
        if not self._settings.acme_directory:
            return
        begun = False
        while not stop.is_set():
            try:
                if not begun:
                    await self._begin()
                    begun = True
                while await self.run_once(stop):
                    pass
            except StoreUnavailable:
                pass  # again in a moment
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)

    async def _begin(self) -> None:
        if self._db.dialect == "sqlite":  # nobody else can have leased anything here
            await self._db.write(store.release_all)
        await self._db.write(store.expire_challenges, self._clock.now())
        for host in self._own:
            await self._db.write(service.ensure_own, self._clock.now(), host)

    async def run_once(self, stop: asyncio.Event | None = None) -> int:
        """Try what is due; how many orders were tried."""
        now = self._clock.now()
        if now < self._paused_until or not await self._db.read(store.any_due, now):
            return 0
        until = now + int(LEASE_SECONDS * SECOND)
        due = await self._db.write(store.claim, now, until, url_token(9), AT_ONCE)
        await asyncio.gather(*(self._guarded(held, stop or asyncio.Event()) for held in due))
        return len(due)

    async def _guarded(self, held: Certificate, stop: asyncio.Event) -> None:
        """One order, whatever happens; one that is not settled is due again when its lease ends."""
        try:
            await self._one(held, stop)
        except StoreUnavailable:
            log.error("the store refuses the outcome of an order", extra={"host": held.host})
        except Exception:
            log.exception("an order failed unexpectedly", extra={"host": held.host})

    async def _one(self, held: Certificate, stop: asyncio.Event) -> None:
        if not await self._db.read(service.is_wanted, held):
            await self._db.write(store.drop, held.host, held.lease_token)
            return
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                issued = await self._obtain(held, stop)
            failpoints.hit("certificates.issued")
        except (IssueFailed, TimeoutError, SecretsError, failpoints.FailpointError) as wrong:
            await self._failed(held, wrong)
            return
        if issued is None:  # we were told to stop
            await self._db.write(store.settle, held.host, held.lease_token, {})
        elif await self._db.write(service.succeed, self._clock.now(), self._vault, held, issued):
            log.info("new certificate", extra={"host": held.host, "issuer": issued.issuer})

    async def _failed(self, held: Certificate, wrong: Exception) -> None:
        text = str(wrong) or f"the authority did not finish within {ATTEMPT_SECONDS:.0f} s"
        log.warning("no certificate", extra={"host": held.host, "reason": text})
        wait, counts = 0.0, True
        if isinstance(wrong, IssueFailed):
            wait, counts = wrong.wait, wrong.counts
            if wrong.forgotten:
                await self._db.write(store.set_account_uri, self._settings.acme_directory, "")
        now = self._clock.now()
        if wait:
            self._paused_until = now + int(wait * SECOND)
        await self._db.write(service.fail, now, held, text, wait=wait, counts=counts)

    async def _obtain(self, held: Certificate, stop: asyncio.Event) -> Issued | None:
        """A certificate; None when `stop` came first. Raises IssueFailed."""
        authority = await self._sign_in()
        key = new_key()
        order = await asyncio.to_thread(authority.order, held.host, key)
        expires = self._clock.now() + CHALLENGE_SECONDS * SECOND
        await self._db.write(store.add_challenges, order.answers, expires)
        try:
            await asyncio.to_thread(authority.prove, order)
            if not await self._until(lambda: authority.is_proven(order), stop):
                return None
            failpoints.hit("certificates.proven")
            await asyncio.to_thread(authority.finalize, order)
            return await self._fetched(authority, order, held.host, key, stop)
        finally:
            await self._db.write(store.remove_challenges, list(order.answers))

    async def _fetched(
        self, authority: Authority, order: Order, host: str, key: bytes, stop: asyncio.Event
    ) -> Issued | None:
        found: Issued | None = await self._until(lambda: authority.fetch(order, host, key), stop)
        return found

    async def _until(self, look: Callable[[], Any], stop: asyncio.Event) -> Any:
        """The first result of `look` that says something; None when `stop` came first."""
        while not stop.is_set():
            found = await asyncio.to_thread(look)
            if found:
                return found
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
        return None

    async def _sign_in(self) -> Authority:
        """The authority, with our account, which is made at the first time."""
        directory = self._settings.acme_directory
        async with self._account:  # two orders at once must not register twice
            row = await self._db.read(_account, directory)
            if row is None:
                sealed = self._vault.seal(new_key(), _context(directory))
                await self._db.write(store.add_account, directory, sealed, self._clock.now())
                row = await self._db.read(_account, directory)
                assert row is not None
            sealed, uri = row
            authority = Authority(self._settings, self._vault.open(sealed, _context(directory)))
            now = await asyncio.to_thread(authority.sign_in, uri)
            if now != uri:
                await self._db.write(store.set_account_uri, directory, now)
        return authority


def _account(tx: Read, directory: str) -> tuple[bytes, str] | None:
    row = store.account(tx, directory)
    return None if row is None else (row.key, row.uri)


def _context(directory: str) -> str:
    return f"account key at {directory}"
