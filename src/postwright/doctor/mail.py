"""What the world sees of us: the way out, the names of addresses, blocklists, the records of domains."""

import asyncio
import os
from collections.abc import Sequence
from typing import Final

from postwright import domains, ips
from postwright.domains import Domain, Installation
from postwright.ips import Finding, Looker, Outcome
from postwright.kernel.db import Db
from postwright.kernel.lookups import Resolver
from postwright.kernel.settings import Settings

from .report import Line, Status, failed, passed, warned

PROBE: Final = "gmail.com"  # a domain whose hosts take connections from everybody
CONNECT_SECONDS: Final = 10.0
DOMAINS: Final = 100  # whose records are looked at
AT_ONCE: Final = 10
_RECORDS: Final = {
    # Without these mail is not delivered, or not believed; without the others it is worse.
    "spf": ("SPF", Status.FAIL),
    "dkim": ("DKIM", Status.FAIL),
    "dmarc": ("DMARC", Status.WARN),
}


async def way_out(settings: Settings, sources: Sequence[str], probe: str, port: int) -> list[Line]:
    """Whether we reach mail servers: those of `probe`, from each of our addresses, or the smarthost."""
    if settings.smarthost is not None:
        host, port = settings.smarthost
        return [await _greeting("smarthost", host, port, "")]
    resolver = Resolver(settings)
    answer = await resolver.ask(probe, "MX")
    hosts = sorted(answer.records, key=lambda record: int(record.preference))
    host = hosts[0].exchange.to_text(omit_final_dot=True) if hosts else ""
    found = [await resolver.ask(host, kind) for kind in ("A", "AAAA")] if host else []
    reached = {":" in record.address: record.address for each in found for record in each.records}
    if not reached:
        fix = "look at the resolver of this machine, or set POSTWRIGHT_DNS=host:port"
        return [failed("port 25", probe, f"DNS finds no mail server of {probe}", fix)]
    families = [(source, ":" in source) for source in sources] or [("", False not in reached)]
    return await asyncio.gather(
        *(
            _greeting("port 25", reached[family], port, source, host)
            for source, family in families
            if family in reached
        )
    )


async def _greeting(check: str, host: str, port: int, source: str, name: str = "") -> Line:
    about = f"{source or 'this machine'} to {name or host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            local = (source, 0) if source else None
            reader, writer = await asyncio.open_connection(host, port, local_addr=local)
            try:
                greeting = (await reader.readline()).decode("ascii", "replace").strip()
            finally:
                writer.close()
    except (OSError, TimeoutError) as wrong:
        fix = "let the provider of the machine open port 25 outwards, or send over a smarthost (POSTWRIGHT_DELIVERY)"
        number = wrong.errno if isinstance(wrong, OSError) else None
        why = os.strerror(number) if number else str(wrong) or "no answer"
        return failed(check, about, why, fix)
    if not greeting.startswith("220"):
        return failed(
            check, about, greeting[:200], "read what the server says: it does not want this address"
        )
    return passed(check, about, greeting[:200])


async def addresses(looker: Looker, known: Sequence[tuple[str, str]]) -> list[Line]:
    """PTR record, EHLO name and blocklists of source addresses (address, EHLO name)."""
    looks = await asyncio.gather(*(looker.address(address, ehlo) for address, ehlo in known))
    return [
        _line(kind, address, finding)
        for (address, _), found in zip(known, looks, strict=True)
        for kind, finding in found.items()
    ]


async def own_addresses(settings: Settings, hostname: str) -> list[tuple[str, str]]:
    """Where our name leads, for installations that declare no addresses."""
    resolver = Resolver(settings)
    answers = await asyncio.gather(*(resolver.ask(hostname, kind) for kind in ("A", "AAAA")))
    return [(str(record.address), hostname) for answer in answers for record in answer.records]


def _line(kind: str, about: str, finding: Finding) -> Line:
    check = {"ptr": "PTR", "ehlo": "EHLO"}.get(kind, kind.replace(":", " "))
    if finding.outcome in (Outcome.VALID, Outcome.CLEAR):
        return passed(check, about, ", ".join(finding.found) or "not listed")
    if finding.outcome is Outcome.UNKNOWN:
        return warned(check, about, finding.detail, "ask again later")
    if finding.outcome is Outcome.LISTED:
        text = f"{finding.detail} ({', '.join(finding.found)})"
        return failed(
            check, about, text, "find what was sent, stop it, and ask the list to remove the address"
        )
    return failed(check, about, ", ".join(finding.found) or "there is none", finding.detail)


async def senders(settings: Settings, installation: Installation, db: Db) -> list[Line]:
    """The records of domains that send."""
    found = await db.read(domains.active, DOMAINS)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(domain: Domain) -> list[Line]:
        async with room:
            look = await domains.look(settings, installation, db, domain)
        expected = {each.purpose: each for each in domains.sending_records(installation, domain, look.held)}
        lines = []
        for purpose, check in look.found.items():
            name, worst = _RECORDS.get(purpose.partition(":")[0], ("", Status.WARN))
            if not name:
                continue
            if check.valid == "valid":
                lines.append(passed(name, domain.name, "in place"))
            elif check.valid == "unknown":
                lines.append(warned(name, domain.name, "DNS could not tell", "ask again later"))
            else:
                record = expected[purpose]
                fix = f"publish {record.record_type} {record.name} with: {record.value}"
                there = ", ".join(check.found)[:300] or "nothing"
                lines.append(Line(name, domain.name, worst, f"found: {there}", fix))
        return lines

    return [line for lines in await asyncio.gather(*map(one, found)) for line in lines]


async def known_addresses(db: Db) -> list[tuple[str, str]]:
    """The declared source addresses with their EHLO names."""
    book = ips.Book(db)
    await book.refresh()
    return [(each.address, each.ehlo) for each in book.addresses.values()]
