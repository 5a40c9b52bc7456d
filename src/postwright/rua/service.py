"""The rules of received reports."""

from collections.abc import Iterable

import msgspec

from postwright.arrivals import Arrival
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.mail import dmarc_report, tls_report

from . import store
from .schemas import DmarcItem, DmarcPage, TlsItem, TlsPage

DMARC, TLS = "dmarc", "tls"
KEEP_SECONDS = 400 * 86400  # a year and something, to compare with the year before
MAX_KEPT = 20_000  # of one domain and kind: anybody can send some

forget_domain = store.forget_domain


def concerns(domains: Iterable[str], ours: str) -> bool:
    """Whether a report about `domains` belongs to our domain: the same, a sub-host, or a parent of it."""
    return any(
        each == ours or each.endswith(f".{ours}") or (each and ours.endswith(f".{each}")) for each in domains
    )


def keep(tx: Write, arrival: Arrival, kind: str, report: dmarc_report.Report | tls_report.Report) -> bool:
    """Keep a report; False when it is there already, or the domain has too many."""
    if store.count(tx, arrival.domain_id, kind) >= MAX_KEPT:
        return False
    return store.add(
        tx,
        {
            "id": arrival.id,
            "domain_id": arrival.domain_id,
            "kind": kind,
            "organisation": report.organisation,
            "report_id": report.report_id,
            "ended_at": report.end * SECOND,
            "received_at": arrival.received_at,
            "authenticated": arrival.verdict.dkim == "pass" or arrival.verdict.spf == "pass",
            "data": msgspec.json.encode(report),
        },
    )


def dmarc_page(tx: Read, domain_id: str, skip: int, limit: int) -> DmarcPage:
    """DMARC reports, the newest first."""
    items = []
    for row in store.page(tx, domain_id, DMARC, skip, limit):
        report = msgspec.json.decode(row.data, type=dmarc_report.Report)
        aligned = sum(each.count for each in report.records if "pass" in (each.dkim, each.spf))
        total = sum(each.count for each in report.records)
        items.append(DmarcItem(row.received_at / SECOND, row.authenticated, total, aligned, report))
    return DmarcPage(items, store.count(tx, domain_id, DMARC))


def tls_page(tx: Read, domain_id: str, skip: int, limit: int) -> TlsPage:
    """TLS reports, the newest first."""
    items = []
    for row in store.page(tx, domain_id, TLS, skip, limit):
        report = msgspec.json.decode(row.data, type=tls_report.Report)
        succeeded = sum(each.succeeded for each in report.policies)
        failed = sum(each.failed for each in report.policies)
        items.append(TlsItem(row.received_at / SECOND, row.authenticated, succeeded, failed, report))
    return TlsPage(items, store.count(tx, domain_id, TLS))


def expire(tx: Write, now: int, limit: int = 1000) -> int:
    """Delete one batch of reports that are too old; how many."""
    return store.expire(tx, now - KEEP_SECONDS * SECOND, limit)
