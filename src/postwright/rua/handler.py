"""Takes the reports out of mail."""

import asyncio
import logging
from collections.abc import Iterator

from postwright.arrivals import Arrival, Effect, Head, Target
from postwright.kernel.db import Read, Write
from postwright.mail import dmarc_report, tls_report
from postwright.mail.archives import ArchiveError, unpack
from postwright.mail.mime import parse

from . import service

log = logging.getLogger("postwright.rua")

ADDRESSES = {"dmarc-reports": service.DMARC, "tls-reports": service.TLS}
MAX_FILES = 5  # of one message that are tried
_Report = dmarc_report.Report | tls_report.Report


class AggregateReports:
    """Keeps reports that come to `dmarc-reports@` and `tls-reports@`; other mail to them is dropped."""

    name = "aggregate reports"
    exclusive = False  # a route may have them too

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether reports come to the address."""
        return target.address.rpartition("@")[0].lower() in ADDRESSES

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Keep the report in the message, if there is one about the domain."""
        kind = ADDRESSES[target.address.rpartition("@")[0].lower()]
        report = await asyncio.to_thread(find, kind, message)
        about = (
            {report.domain} if isinstance(report, dmarc_report.Report) else report.domains if report else ()
        )
        if report is None or not service.concerns(about, target.domain):
            log.info("no report in mail to a report address", extra={"kind": kind, "domain": target.domain})
            return None

        def apply(tx: Write) -> None:
            service.keep(tx, arrival, kind, report)

        return apply


def find(kind: str, message: bytes) -> _Report | None:
    """The first report of a kind in a message."""
    for data in _files(message):
        try:
            plain = unpack(data)
            return dmarc_report.parse(plain) if kind == service.DMARC else tls_report.parse(plain)
        except (ArchiveError, dmarc_report.ReportError, tls_report.ReportError):
            continue
    return None


def _files(message: bytes) -> Iterator[bytes]:
    parsed = parse(message)
    yield from (part.data for part in parsed.attachments[:MAX_FILES])
    if "xml" in parsed.bodies:
        yield parsed.bodies["xml"].encode()
