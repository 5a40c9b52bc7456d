"""SQL of TLS reporting."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from postwright.kernel.db import Read, Write

from .records import Count, Outcome, Policy, Report
from .tables import tls_reports, tls_results

_KEY = ("day", "domain", "policy_key", "failure", "mx_host", "mx_ip", "source_ip")


def add(tx: Write, counts: Sequence[Count]) -> None:
    """Add counts to those of the same day, policy and outcome."""
    rows = [_row(each) for each in counts]
    # In one order everywhere, or two processes that add the same rows wait for each other for ever.
    rows.sort(key=lambda row: tuple(row[name] for name in _KEY))
    insert: Any = (sqlite.insert if tx.dialect == "sqlite" else postgresql.insert)(tls_results)
    total = tls_results.c.sessions + insert.excluded.sessions
    for row in rows:
        tx.run(insert.values(row).on_conflict_do_update(index_elements=list(_KEY), set_={"sessions": total}))


def _row(count: Count) -> dict[str, Any]:
    policy = msgspec.json.encode(count.policy).decode()
    return {
        "day": count.day,
        "domain": count.policy.domain,
        "policy_key": hashlib.sha256(policy.encode()).hexdigest()[:32],
        **msgspec.structs.asdict(count.outcome),
        "policy": policy,
        "sessions": count.sessions,
    }


def results(tx: Read, day: int, domain: str, limit: int) -> list[Count]:
    """What was counted for a domain on a day; the most frequent outcomes when there are more."""
    stmt = select(tls_results).where(tls_results.c.day == day, tls_results.c.domain == domain)
    rows = tx.rows(stmt.order_by(tls_results.c.sessions.desc(), tls_results.c.mx_ip).limit(limit))
    return [
        Count(
            row.day,
            msgspec.json.decode(row.policy, type=Policy),
            Outcome(row.failure, row.mx_host, row.mx_ip, row.source_ip),
            row.sessions,
        )
        for row in rows
    ]


def unplanned(tx: Read, first: int, before: int, limit: int) -> list[tuple[int, str]]:
    """Days from day `first` to the one before `before`, and domains, for which nothing is planned yet."""
    planned = and_(tls_reports.c.day == tls_results.c.day, tls_reports.c.domain == tls_results.c.domain)
    stmt = (
        select(tls_results.c.day, tls_results.c.domain)
        .distinct()
        .where(
            tls_results.c.day >= first,
            tls_results.c.day < before,
            ~select(tls_reports.c.day).where(planned).exists(),
        )
        .limit(limit)
    )
    return [(row.day, row.domain) for row in tx.rows(stmt)]


def plan(tx: Write, due: Sequence[tuple[int, str, int]]) -> None:
    """Plan reports: day, domain, and when. What is planned already stays as it is."""
    rows = [
        {
            "day": day,
            "domain": domain,
            "state": "waiting",
            "due_at": at,
            "attempts": 0,
            "done": "[]",
            "problem": "",
        }
        for day, domain, at in due
    ]
    tx.upsert(tls_reports, rows, ["day", "domain"])


def claim(tx: Write, now: int, until: int, limit: int) -> list[Report]:
    """Take due reports; they are due again at `until` unless they are finished by then."""
    stmt = (
        select(tls_reports)
        .where(tls_reports.c.state == "waiting", tls_reports.c.due_at <= now)
        .order_by(tls_reports.c.due_at)
        .limit(limit)
    )
    taken = []
    for row in tx.rows(stmt):
        mine = update(tls_reports).where(
            tls_reports.c.day == row.day,
            tls_reports.c.domain == row.domain,
            tls_reports.c.state == "waiting",
            tls_reports.c.due_at == row.due_at,
        )
        if tx.run(mine.values(due_at=until, attempts=row.attempts + 1)):
            done = msgspec.json.decode(row.done, type=tuple[str, ...])
            taken.append(Report(row.day, row.domain, until, row.attempts + 1, done))
    return taken


def settle(tx: Write, report: Report, state: str, done: Sequence[str], problem: str) -> bool:
    """Record what came of a report. False: another process has it."""
    mine = update(tls_reports).where(
        tls_reports.c.day == report.day,
        tls_reports.c.domain == report.domain,
        tls_reports.c.state == "waiting",
        tls_reports.c.due_at == report.due_at,
    )
    values = {"state": state, "done": msgspec.json.encode(list(done)).decode(), "problem": problem}
    return tx.run(mine.values(**values)) == 1


def expire(tx: Write, before: int) -> int:
    """Forget days before day `before`; how many rows."""
    gone = tx.run(delete(tls_results).where(tls_results.c.day < before))
    return gone + tx.run(delete(tls_reports).where(tls_reports.c.day < before))


def page(
    tx: Read, after: tuple[int, str] | None, limit: int, *, domain: str, low: int, high: int, failed: bool
) -> list[Any]:
    """Days and domains with their sessions, the newest day first, after the place `after`."""
    failures = func.sum(tls_results.c.sessions).filter(tls_results.c.failure != "")
    stmt = (
        select(
            tls_results.c.day,
            tls_results.c.domain,
            func.sum(tls_results.c.sessions).label("sessions"),
            func.coalesce(failures, 0).label("failures"),
            tls_reports.c.state,
            tls_reports.c.problem,
        )
        .outerjoin(
            tls_reports,
            and_(tls_reports.c.day == tls_results.c.day, tls_reports.c.domain == tls_results.c.domain),
        )
        .where(tls_results.c.day >= low, tls_results.c.day <= high)
        .group_by(tls_results.c.day, tls_results.c.domain, tls_reports.c.state, tls_reports.c.problem)
        .order_by(tls_results.c.day.desc(), tls_results.c.domain)
        .limit(limit)
    )
    if domain:
        stmt = stmt.where(tls_results.c.domain == domain)
    if failed:
        stmt = stmt.having(failures > 0)
    if after is not None:
        # Days descend and domains ascend: two conditions, since one comparison of pairs goes one way only.
        stmt = stmt.where(
            (tls_results.c.day < after[0])
            | ((tls_results.c.day == after[0]) & (tls_results.c.domain > after[1]))
        )
    return list(tx.rows(stmt))
