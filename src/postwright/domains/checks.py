"""Looks at DNS, asked for and by the clock: what they found, and what state of a domain follows.

A domain becomes active when SPF and every key that signs are in place. What somebody asks for (`verify`) decides at
once. What is found by the clock ends nobody's mail for a fault of an hour: a domain whose records are gone stays
active for `GRACE_SECONDS`, signs with no key that is not there, and is looked at more often until it is whole again or
becomes unverified. A domain that never was proven, which the operator declared active, stays so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from postwright import accounts, audit, notices
from postwright.kernel import metrics
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from . import dns, keys, store
from .dns import Installation
from .errors import DomainNotFound
from .keys import KeyRecord
from .records import Check, Domain

log = logging.getLogger("postwright.domains")

# A day: longer than the fault of any provider of DNS that made the news, shorter than what receivers forgive.
GRACE_SECONDS = 86_400
HEALTHY_SECONDS = 6 * 3600  # between looks at a domain that is whole
SOONEST_SECONDS = 300
CLAIM_SECONDS = 120  # a process that took a domain and died delays its look by so much
KEPT = 200  # results of a domain
CONCURRENT = 10
BATCH = 50
_LOOKS = metrics.Counter("domain_checks_total", "Looks at the DNS records of domains.", ("result",))


class Look(msgspec.Struct, frozen=True):
    """What DNS said about a domain, and the keys it was asked about."""

    domain: Domain
    held: list[KeyRecord]
    found: dict[str, Check]

    @property
    def proven(self) -> bool | None:
        """Whether everything is there that a domain needs to send; None: nobody could tell."""
        return dns.is_proven(self.found, self.held)


async def look(settings: Settings, installation: Installation, db: Db, domain: Domain) -> Look:
    """Look all records of a domain up."""
    held = await db.read(keys.records, domain.account_id, domain.authority)
    expected = [
        *dns.receiving(installation, domain),
        *dns.sending(installation, domain, held),
        dns.recommended(domain),
    ]
    return Look(domain, held, await dns.check(settings, installation, expected, held))


def keep(tx: Write, now: int, seen: Look, *, asked: bool, trusting: bool) -> Domain:
    """Keep what DNS said, and the state that follows (with `trusting`, none). Raises DomainNotFound.

    `asked`: somebody wanted to know.
    """
    current = store.by_id(tx, seen.domain.id)
    if current is None:
        raise DomainNotFound
    if current.authority != seen.domain.authority:
        return current  # it signs as another since: what was found is about nobody
    for key in seen.held:
        found = seen.found[f"dkim:{key.selector}"]
        keys.keep_check(tx, current.account_id, key.authority, key.selector, key.public, found)
    proven = None if trusting else seen.proven
    values = _state(current, now, proven, asked=asked)
    checks = seen.found if asked else _merged(current.checks, seen.found)
    values |= {"checks": msgspec.json.encode(checks), "checked_at": now}
    values["next_check_at"] = (
        now + _wait(msgspec.structs.replace(current, **_known(values)), now, proven) * SECOND
    )
    store.set_domain(tx, current.id, values)
    _remember(tx, now, current.id, values["state"], seen.found, asked=asked)
    changed = store.by_id(tx, current.id)
    assert changed is not None
    return changed


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("state", "proven_at", "failing_since")}


def _state(domain: Domain, now: int, proven: bool | None, *, asked: bool) -> dict[str, Any]:
    state, proven_at, since = domain.state, domain.proven_at, domain.failing_since
    if proven:
        state, proven_at, since = "active", now, 0
    elif proven is False:
        since = (since or now) if proven_at else 0
        if asked or (proven_at and now - since >= GRACE_SECONDS * SECOND):
            state = "unverified"
    if domain.state == "disabled" or domain.type == "sandbox":
        state = domain.state  # nothing that DNS says changes these
    return {"state": state, "proven_at": proven_at, "failing_since": since}


def _merged(before: dict[str, Check], found: dict[str, Check]) -> dict[str, Check]:
    """A resolver that fails takes nothing from what is known: tracking links would change their host for it."""
    return {
        purpose: before.get(purpose, check) if check.valid == "unknown" else check
        for purpose, check in found.items()
    }


def _wait(domain: Domain, now: int, proven: bool | None) -> int:
    """Seconds until the next look: the longer a domain is not whole, the rarer."""
    if proven:
        return HEALTHY_SECONDS
    if proven is None:
        return SOONEST_SECONDS
    waited = (now - (domain.failing_since or domain.created_at)) // SECOND
    return max(SOONEST_SECONDS, min(waited // 10, HEALTHY_SECONDS))


def _remember(
    tx: Write, now: int, domain_id: str, state: str, found: dict[str, Check], *, asked: bool
) -> None:
    ordered = {
        purpose: msgspec.structs.replace(check, found=sorted(check.found)) for purpose, check in found.items()
    }
    results = msgspec.json.encode(ordered)
    last = store.last_check(tx, domain_id)
    if last is not None and (last.results, last.state) == (results, state):
        store.repeat_check(tx, domain_id, last.first_at, now)
        return
    first_at = now if last is None else max(now, last.first_at + 1)
    values = {
        "domain_id": domain_id,
        "first_at": first_at,
        "last_at": first_at,
        "times": 1,
        "asked": asked,
        "state": state,
        "results": results,
    }
    store.add_check(tx, values, KEPT)


class Past(msgspec.Struct, frozen=True):
    """The same result, `times` times from `first_at` to `last_at`."""

    first_at: int
    last_at: int
    times: int
    asked: bool
    state: str
    results: dict[str, Check]


def history(tx: Read, domain_id: str, skip: int, limit: int) -> tuple[int, list[Past]]:
    """How many different results in a row there were, and a page of them, the newest first."""
    total, rows = store.checks_page(tx, domain_id, skip, limit)
    decode = msgspec.json.Decoder(dict[str, Check]).decode
    return total, [
        Past(row.first_at, row.last_at, row.times, bool(row.asked), row.state, decode(row.results))
        for row in rows
    ]


class Checker:
    """Looks at every domain by the clock, and tells its owner when records vanish and when they are back."""

    def __init__(
        self,
        settings: Settings,
        installation: Callable[[], Awaitable[Installation]],
        db: Db,
        clock: Clock,
        vault: Vault,
    ) -> None:
        self._settings, self._installation = settings, installation
        self._db, self._clock, self._vault = db, clock, vault

    async def run_once(self) -> int:
        """Look at domains that are due; how many. None where domains are trusted: nothing depends on DNS there."""
        if self._settings.trust_domains:
            return 0
        due = await self._db.read(store.due_domains, self._clock.now(), BATCH)
        if not due:
            return 0
        installation = await self._installation()
        room = asyncio.Semaphore(CONCURRENT)
        await asyncio.gather(*(self._one(domain_id, installation, room) for domain_id in due))
        return len(due)

    async def _one(self, domain_id: str, installation: Installation, room: asyncio.Semaphore) -> None:
        async with room:
            now = self._clock.now()
            if not await self._db.write(store.claim_check, domain_id, now, now + CLAIM_SECONDS * SECOND):
                return  # another process has it
            domain = await self._db.read(store.by_id, domain_id)
            if domain is None:
                return
            seen = await look(self._settings, installation, self._db, domain)
            try:
                await self._db.write(self._keep, self._clock.now(), seen)
            except DomainNotFound:
                return
        _LOOKS.labels({True: "proven", False: "not proven", None: "unknown"}[seen.proven]).inc()

    def _keep(self, tx: Write, now: int, seen: Look) -> None:
        before = store.by_id(tx, seen.domain.id)
        after = keep(tx, now, seen, asked=False, trusting=False)
        if before is not None:
            _tell(tx, now, self._vault, before, after, seen.found)


# What is told of a domain: the action in the audit log, the subject of the mail, and what it means.
_GONE = (
    "domains.records_gone",
    "DNS records of {} are missing",
    "Mail is still sent, without a signature by a key that is missing. If the records stay away for a day, the domain "
    "becomes unverified and may not send any more.",
)
_UNVERIFIED = (
    "domains.unverified",
    "{} may not send any more",
    "Its DNS records have been missing for a day. The domain may send again as soon as they are back.",
)
_BACK = ("domains.records_back", "DNS records of {} are back", "There is nothing to do.")
_VERIFIED = ("domains.verified", "{} is verified", "The domain may send.")


def _tell(tx: Write, now: int, vault: Vault, before: Domain, after: Domain, found: dict[str, Check]) -> None:
    """Record what a look by the clock changed, and tell the owner, in the transaction that changes it."""
    if after.state != before.state:
        told = _VERIFIED if after.state == "active" else _UNVERIFIED
    elif bool(after.failing_since) != bool(before.failing_since):
        told = _GONE if after.failing_since else _BACK
    else:
        return
    action, subject, meaning = told
    missing = sorted(purpose for purpose, check in found.items() if check.valid == "invalid")
    log.warning("%s", action, extra={"domain": after.name, "state": after.state, "missing": missing})
    audit.record(
        tx,
        now,
        after.account_id,
        audit.Actor("system", "dns"),
        action,
        after.name,
        before={"state": before.state},
        after={"state": after.state, "missing": missing},
    )
    lines = [f"The domain {after.name} was looked up in DNS.", meaning]
    if told in (_GONE, _UNVERIFIED):
        needed = [purpose for purpose in missing if purpose == "spf" or purpose.startswith("dkim:")]
        lines.insert(1, f"Missing, or not as they have to be: {', '.join(needed) or ', '.join(missing)}.")
        lines.append(f"What has to be there is shown by GET /v4/domains/{after.name}.")
    owner = accounts.account(tx, after.account_id).owner_email
    notices.add(tx, vault, now, owner, subject.format(after.name), "\n\n".join(lines) + "\n")
