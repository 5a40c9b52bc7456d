"""SQL of received reports."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select

from postwright.kernel.db import Read, Write

from .tables import received_reports as reports


def add(tx: Write, values: Mapping[str, Any]) -> bool:
    """Keep a report; False when it is there."""
    return tx.upsert(reports, values, ["domain_id", "kind", "organisation", "report_id"]) == 1


def count(tx: Read, domain_id: str, kind: str) -> int:
    """How many a domain has."""
    where = (reports.c.domain_id == domain_id, reports.c.kind == kind)
    return int(tx.scalar(select(func.count()).select_from(reports).where(*where)))


def page(tx: Read, domain_id: str, kind: str, skip: int, limit: int) -> Sequence[Any]:
    """A page of a domain's reports, the newest first."""
    return tx.rows(
        select(reports)
        .where(reports.c.domain_id == domain_id, reports.c.kind == kind)
        .order_by(reports.c.ended_at.desc(), reports.c.id.desc())
        .offset(skip)
        .limit(limit)
    )


def expire(tx: Write, before: int, limit: int) -> int:
    """Delete up to `limit` reports that came before a time."""
    old = select(reports.c.id).where(reports.c.received_at < before).limit(limit)
    return tx.run(delete(reports).where(reports.c.id.in_(old)))


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of a domain's reports; how many."""
    return tx.delete_some(reports, reports.c.domain_id == domain_id)
