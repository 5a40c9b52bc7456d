"""Requests and replies about received reports. Times in seconds since the epoch."""

import msgspec

from postwright.kernel.http.paging import Offset
from postwright.mail import dmarc_report, tls_report


class ReportsQuery(Offset, kw_only=True):
    """Which page."""

    default = 20
    most = 100
    clamps = True


class DmarcItem(msgspec.Struct):
    """A DMARC report: how many messages it tells of, and how many of them passed."""

    received_at: float
    authenticated: bool
    messages: int
    passed: int
    report: dmarc_report.Report


class DmarcPage(msgspec.Struct):
    """DMARC reports, the newest first."""

    items: list[DmarcItem]
    total_count: int


class TlsItem(msgspec.Struct):
    """A TLS report: how many sessions were encrypted as asked, and how many were not."""

    received_at: float
    authenticated: bool
    succeeded: int
    failed: int
    report: tls_report.Report


class TlsPage(msgspec.Struct):
    """TLS reports, the newest first."""

    items: list[TlsItem]
    total_count: int
