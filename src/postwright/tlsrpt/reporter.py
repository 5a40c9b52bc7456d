"""Once a day: to each domain that wants it, what became of encryption the day before."""

import asyncio
import hashlib

from postwright import accounts, domains
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.errors import Refused
from postwright.kernel.lookups import Resolver, State
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.settings import Settings
from postwright.mail.addresses import parse_one
from postwright.messages import Acceptor, Options, Origin, from_mime, new_message_id

from . import store
from .records import DAY, RETENTION_DAYS, Report
from .report import compressed, encode, mail, mailbox, targets

# Reports of a day leave over the first hours of the next, each domain's at its own time (RFC 8460 §5.5).
SPREAD_SECONDS = 4 * 3600
FIRST_SECONDS = 600  # until then processes have flushed what they counted
PLAN_SECONDS = 600  # between looks for what is not planned
PLAN_DAYS = 3  # how far back: an installation that stood still catches up
LEASE_SECONDS = 3600  # also how long a report that failed waits
MAX_ATTEMPTS = 24
BATCH = 16
MAX_RESULTS = 5000  # outcomes in one report


class Reporter:
    """Sends what is due."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Db,
        clock: Clock,
        acceptor: Acceptor,
        hostname: str,
        resolver: Resolver | None = None,
    ) -> None:
        self._settings, self._db, self._clock = settings, db, clock
        self._acceptor, self._hostname = acceptor, hostname
        self._resolver = resolver or Resolver(settings)
        self._plan_at = 0

    async def run_once(self) -> int:
        """Plan and send what is due; how many reports were looked at."""
        now = self._clock.now()
        today = now // DAY
        await self._db.write(store.expire, today - RETENTION_DAYS)
        if self._settings.tls_reports == "off" or self._settings.delivery != "live":
            return 0
        if now >= self._plan_at:
            await self._plan(today)
            self._plan_at = now + PLAN_SECONDS * SECOND
        looked = 0
        async with Outgoing(self._settings) as outgoing:
            while due := await self._db.write(store.claim, now, now + LEASE_SECONDS * SECOND, BATCH):
                await asyncio.gather(*(self._report(report, outgoing) for report in due))
                looked += len(due)
        return looked

    async def _plan(self, today: int) -> None:
        """Give every domain of the last days its time."""
        while found := await self._db.scan(store.unplanned, today - PLAN_DAYS, today, 500):
            due = [(day, domain, (day + 1) * DAY + _spread(domain) * SECOND) for day, domain in found]
            await self._db.write(store.plan, due)

    async def _report(self, report: Report, outgoing: Outgoing) -> None:
        answer = await self._resolver.ask(f"_smtp._tls.{report.domain}", "TXT")
        state, problem, done = "waiting", "", list(report.done)
        wanted = targets(b"".join(record.strings).decode("ascii", "replace") for record in answer.records)
        if answer.state is State.FAILED:
            problem = f"DNS lookup failed: {answer.problem}"
        elif not wanted:
            state = "unwanted"
        else:
            problems = await self._give(report, wanted, done, outgoing)
            state, problem = ("waiting" if problems else "sent"), "; ".join(problems)
        if state == "waiting" and report.attempts >= MAX_ATTEMPTS:
            state = "failed"
        await self._db.write(store.settle, report, state, done, problem[:1000])

    async def _give(
        self, report: Report, wanted: list[str], done: list[str], outgoing: Outgoing
    ) -> list[str]:
        """Give the report to everybody in `wanted` who is not in `done`, and add them; what went wrong."""
        from_ = await self._db.read(self._sender)
        submitter = from_[1] if from_ else self._hostname
        counts = await self._db.scan(store.results, report.day, report.domain, MAX_RESULTS)
        contact = self._settings.owner_email
        body = encode(counts, report.day, report.domain, submitter, contact)
        problems = []
        for uri in wanted:
            if uri in done:
                continue
            to = mailbox(uri)
            try:
                if to and from_ is None:
                    raise Refused("no domain of the first account may send")
                if to and from_ is not None:
                    await self._mail(report, body, from_, to)
                else:
                    await self._post(uri, body, outgoing)
            except (Refused, TargetRefused, TargetUnreachable) as wrong:
                problems.append(f"{uri}: {wrong}")
            else:
                done.append(uri)
        return problems

    def _sender(self, tx: Read) -> tuple[str, str, str] | None:
        """The account, the domain and its id that reports come from: the first that may send."""
        account_id = accounts.any_account(tx)
        found = domains.first_active(tx, account_id) if account_id else None
        return (account_id, found[1], found[0]) if account_id and found else None

    async def _mail(self, report: Report, body: bytes, from_: tuple[str, str, str], to: str) -> None:
        """Through the way in of every message, so that it is signed, queued and told of. Raises Refused."""
        account_id, domain, domain_id = from_
        now = self._clock.now()
        raw = mail(body, report.day, report.domain, domain, f"tls-reports@{domain}", to)
        options = Options(tags=["tls-report"], require_tls=False, skip_verification=True, tls_report=True)
        found = await self._db.read(domains.by_id, domain_id)
        draft = from_mime(raw, [parse_one(to)], options, domain, new_message_id(now, domain), now)
        origin = Origin(
            account_id=account_id,
            domain_id=domain_id,
            domain=domain,
            method="HTTP",
            ip="",
            base_url=self._settings.public_url,
            return_host=found.return_host if found else domain,
        )
        await self._acceptor.accept(draft, origin)

    async def _post(self, uri: str, body: bytes, outgoing: Outgoing) -> None:
        """RFC 8460 §5.4. Raises TargetRefused, TargetUnreachable."""
        answer = await outgoing.post(uri, compressed(body), {"Content-Type": "application/tlsrpt+gzip"})
        if not 200 <= answer.status < 300:
            raise TargetUnreachable(f"it answers {answer.status}")


def _spread(domain: str) -> int:
    chance = int.from_bytes(hashlib.sha256(domain.encode()).digest()[:4], "big")
    return FIRST_SECONDS + chance % (SPREAD_SECONDS - FIRST_SECONDS)
