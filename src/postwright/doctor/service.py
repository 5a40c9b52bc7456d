"""All checks at once."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from postwright import certificates
from postwright.domains import Installation
from postwright.ips import Looker
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.settings import Settings

from . import machine, mail
from .report import Line, Status, warned

log = logging.getLogger("postwright.doctor")

SECONDS: Final = 60.0  # of one group of checks, at most
_Check = Callable[[], Awaitable[Sequence[Line]]]


class Doctor:
    """Looks at one installation from one of its machines. `probe`: the domain whose mail servers are called."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Db,
        clock: Clock,
        hostname: str,
        installation: Callable[[], Awaitable[Installation]],
        probe: str = mail.PROBE,
        port: int = 25,
    ) -> None:
        self._settings, self._db, self._clock = settings, db, clock
        self._hostname = hostname
        self._installation = installation
        self._probe, self._port = probe, port

    async def look(self) -> list[Line]:
        """Every line; what asks the network only where mail leaves the machine, or a resolver is named."""
        checks: dict[str, _Check] = {
            "disk": self._disk,
            "clock": self._time,
            "database": lambda: machine.database(self._settings, self._db, self._clock),
            "certificates": self._certificates,
        }
        if not self._settings.capture:
            checks["port 25"] = self._way_out
        if not self._settings.capture or self._settings.dns:
            checks |= {"addresses": self._addresses, "domains": self._domains}
        groups = await asyncio.gather(*(_bounded(name, check) for name, check in checks.items()))
        return [line for group in groups for line in group]

    async def _disk(self) -> list[Line]:
        return machine.disk(self._settings.data_dir)

    async def _time(self) -> list[Line]:
        return machine.clock()

    async def _certificates(self) -> list[Line]:
        now = time.time()
        lines = machine.certificate_file(self._settings, now)
        for each in await self._db.read(certificates.all_of_them, 200):
            if each.chain:
                lines.append(
                    machine.certificate(each.host, machine.seconds(each.not_after), now, each.last_error)
                )
            elif each.last_error:
                lines.append(warned("certificate", each.host, "none yet", each.last_error))
        return lines

    async def _way_out(self) -> Sequence[Line]:
        known = await mail.known_addresses(self._db)
        return await mail.way_out(self._settings, [address for address, _ in known], self._probe, self._port)

    async def _addresses(self) -> list[Line]:
        known = await mail.known_addresses(self._db)
        known = known or await mail.own_addresses(self._settings, self._hostname)
        if not known:
            fix = "give the name of POSTWRIGHT_HOSTNAME an A or AAAA record, or declare POSTWRIGHT_SOURCE_IPS"
            return [warned("EHLO", self._hostname, "the name leads nowhere", fix)]
        return await mail.addresses(Looker(self._settings, self._hostname), known)

    async def _domains(self) -> list[Line]:
        return await mail.senders(self._settings, await self._installation(), self._db)


async def _bounded(name: str, check: _Check) -> Sequence[Line]:
    """A group of checks; one that breaks is a line like others, and not the end of the report."""
    try:
        async with asyncio.timeout(SECONDS):
            return await check()
    except TimeoutError:
        return [warned(name, "", f"no result within {SECONDS:.0f} s", "ask again, or look at the resolver")]
    except Exception as wrong:
        log.exception("a check failed")
        return [warned(name, "", f"the check itself failed: {wrong!r}", "look at the log")]


def verdict(lines: Sequence[Line]) -> Status:
    """The worst of a report."""
    found = {line.status for line in lines}
    return next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.PASS)
