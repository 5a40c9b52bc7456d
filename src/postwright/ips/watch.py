"""Looks at DNS on a schedule, what they found, and who is told (decision 0062)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from postwright.accounts import any_account
from postwright.kernel import metrics
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.settings import Settings

from .checks import BLOCKLIST, Finding, Looker, Outcome
from .store import checks as store

log = logging.getLogger("postwright.ips")

PIECE = 20  # addresses or domains that are looked at at once
DOMAIN_SECONDS = 86400  # between looks at a domain
HISTORY = 365 * 86400 * SECOND
_ADDRESSES, _DOMAINS = "addresses", "domains"
_LOOKS = metrics.Counter(
    "address_checks_total", "Looks at addresses and domains in DNS.", ("check", "outcome")
)

# alerts.announce, which lies above this concept.
Announce = Callable[..., int]


class Watch:
    """Looks at every address each hour, and at every domain each day. Several processes may: each takes pieces."""

    def __init__(self, settings: Settings, db: Db, clock: Clock, hostname: str, announce: Announce) -> None:
        self._settings, self._db, self._clock = settings, db, clock
        self._announce = announce
        self.looker = Looker(settings, hostname)

    async def run_once(self) -> None:
        """Do what is due. In capture mode nothing is asked, unless a resolver is set: nothing leaves the machine."""
        if self._settings.capture and not self._settings.dns:
            return
        while await self._piece(_ADDRESSES, self._settings.address_check_seconds):
            pass
        if self._settings.domain_blocklists:
            while await self._piece(_DOMAINS, DOMAIN_SECONDS):
                pass
        await self._db.write(store.expire, self._clock.now() - HISTORY)

    async def _piece(self, name: str, seconds: int) -> bool:
        now = self._clock.now()
        seen = after, due = await self._db.read(store.walk, name)
        if now < due:
            return False
        list_of = store.addresses if name == _ADDRESSES else store.active_domains
        rows = await self._db.read(list_of, after, PIECE)
        ended = len(rows) < PIECE
        to = ("", now + seconds * SECOND) if ended else (rows[-1].id, due)
        if not await self._db.write(store.step, name, seen, to):
            return True  # another process has this piece; the next one may be ours
        await asyncio.gather(*(self._look(name, row) for row in rows))
        if ended and name == _ADDRESSES:
            await self._db.write(store.forget_lost)
        return not ended

    async def _look(self, name: str, row: Any) -> None:
        if name == _ADDRESSES:
            await self.address(row.id, row.name, row.account_id)
        else:
            found = await self.looker.domain(row.name)
            await self._keep(f"domain:{row.id}", {"domain": row.name}, row.account_id, found)

    async def address(self, address: str, ehlo: str, account_id: str) -> dict[str, Finding]:
        """Look at one address now."""
        found = await self.looker.address(address, ehlo)
        await self._keep(f"ip:{address}", {"ip": address}, account_id, found)
        return found

    async def _keep(
        self, scope: str, subject: Mapping[str, str], account_id: str, found: Mapping[str, Finding]
    ) -> None:
        for kind, finding in found.items():
            _LOOKS.labels(kind.partition(":")[0], finding.outcome).inc()
        await self._db.write(keep, self._clock.now(), scope, subject, account_id, found, self._announce)


def keep(
    tx: Write,
    now: int,
    scope: str,
    subject: Mapping[str, str],
    account_id: str,
    found: Mapping[str, Finding],
    announce: Announce,
) -> None:
    """Keep what a look found, note what changed, and announce listings that came or went.

    A look that could not tell changes no outcome. What is nobody's (a shared address) is the first account's.
    """
    before = store.locked(tx, scope)
    store.drop(tx, scope, [kind for kind in before if kind not in found])
    for kind, finding in found.items():
        known = before.get(kind)
        told = finding.outcome is not Outcome.UNKNOWN
        values = {
            "scope": scope,
            "kind": kind,
            "outcome": finding.outcome,
            "detail": finding.detail,
            "found": msgspec.json.encode(finding.found).decode(),
            "problem": "" if told else finding.detail,
            "since": now,
            "checked_at": now,
        }
        if known is not None and (not told or known.outcome == finding.outcome):
            values["since"] = known.since
        if known is not None and not told:
            values |= {"outcome": known.outcome, "detail": known.detail, "found": known.found}
        store.put(tx, values)
        if known is not None and known.outcome == values["outcome"]:
            continue
        was = "" if known is None else known.outcome
        change = {"scope": scope, "kind": kind, "before": was, "outcome": values["outcome"]}
        store.note(tx, change | {"id": hex_id(), "detail": finding.detail, "at": now})
        if kind.startswith(BLOCKLIST) and Outcome.LISTED in (was, finding.outcome):
            owner = account_id or any_account(tx) or ""
            _tell(tx, now, subject, owner, kind.partition(":")[2], finding, announce)


def _tell(
    tx: Write,
    now: int,
    subject: Mapping[str, str],
    account_id: str,
    zone: str,
    finding: Finding,
    announce: Announce,
) -> None:
    ((what, name),) = subject.items()
    listed = finding.outcome is Outcome.LISTED
    text = (
        f"{name} is on the blocklist {zone}: {finding.detail}"
        if listed
        else f"{name} is off the blocklist {zone}"
    )
    log.log(logging.WARNING if listed else logging.INFO, text)
    event_type = f"{what}_{'listed' if listed else 'delisted'}"
    facts = {what: name, "blocklist": zone, "message": text}
    announce(tx, now, account_id, event_type, facts, level="warn" if listed else "info")
