"""What DNS says of a source address or a domain: its names, and whether blocklists have it (RFC 5782)."""

import asyncio
import ipaddress
from enum import StrEnum

import dns.reversename
import msgspec

from postwright.kernel.lookups import Lookup, Resolver, State
from postwright.kernel.settings import Settings

PTR, EHLO, BLOCKLIST = "ptr", "ehlo", "blocklist"
MAX_FOUND = 10  # names or codes that are kept of an answer
MAX_NAMES = 5  # of a PTR record that are looked up in turn
MAX_TEXT = 500  # characters of what a list says of its reason
_LISTS = ipaddress.ip_network("127.0.0.0/8")  # RFC 5782 §2.1: answers of lists lie in it
# Not listings, but that the list does not answer such a question: from a public resolver, from who asks too much, of a
# misspelt zone; Spamhaus uses the network, SURBL and URIBL the address.
_REFUSALS = (ipaddress.ip_network("127.255.255.0/24"), ipaddress.ip_network("127.0.0.1/32"))


class Outcome(StrEnum):
    """How a check ended."""

    VALID = "valid"
    INVALID = "invalid"
    LISTED = "listed"
    CLEAR = "clear"
    UNKNOWN = "unknown"  # nobody could tell


class Finding(msgspec.Struct, frozen=True):
    """What a check found; `detail` is for people."""

    outcome: Outcome
    detail: str
    found: list[str] = []


def reverse_name(address: str) -> str:
    """Where DNS keeps the name of an address (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return dns.reversename.from_address(address).to_text()


class Looker:
    """Asks DNS."""

    def __init__(self, settings: Settings, hostname: str) -> None:
        self._hostname = hostname
        self._resolver = Resolver(settings)
        other = msgspec.structs.replace(settings, dns=settings.blocklist_dns or settings.dns)
        self._lists = Resolver(other)
        self._zones = settings.zones("blocklists")
        self._domain_zones = settings.zones("domain_blocklists")

    async def address(self, address: str, ehlo: str) -> dict[str, Finding]:
        """Everything of a source address, by kind of check; `ehlo`: the name it introduces itself by."""
        name = ehlo or self._hostname
        reverse = reverse_name(address).removesuffix(".in-addr.arpa.").removesuffix(".ip6.arpa.")
        ptr, named, lists = await asyncio.gather(
            self._ptr(address), self._resolves(name, address), self._listed(reverse, self._zones, "127.0.0.1")
        )
        return {PTR: ptr, EHLO: _ehlo(name, named, ptr), **lists}

    async def domain(self, name: str) -> dict[str, Finding]:
        """Whether blocklists have a domain."""
        return await self._listed(name, self._domain_zones, "invalid")

    async def _ptr(self, address: str) -> Finding:
        """A PTR record, one of whose names leads back (RFC 1912 §2.1): what large receivers insist on."""
        answer = await self._resolver.ask(reverse_name(address), "PTR")
        if answer.state is State.FAILED:
            return Finding(Outcome.UNKNOWN, f"DNS could not tell: {answer.problem}")
        names = [record.target.to_text(omit_final_dot=True).lower() for record in answer.records]
        if not names:
            return Finding(
                Outcome.INVALID,
                f"{address} has no PTR record: let who owns the network set it to the EHLO name",
            )
        back = [await self._resolves(name, address) for name in names[:MAX_NAMES]]
        if any(back):
            return Finding(Outcome.VALID, "", names[:MAX_FOUND])
        if None in back:
            return Finding(Outcome.UNKNOWN, "DNS could not tell where the names lead", names[:MAX_FOUND])
        return Finding(
            Outcome.INVALID,
            f"no name of the PTR record leads back to {address}: give it an A or AAAA record",
            names[:MAX_FOUND],
        )

    async def _resolves(self, name: str, address: str) -> bool | None:
        """Whether a name leads to an address; None when nobody could tell."""
        wanted = ipaddress.ip_address(address)
        answer = await self._resolver.ask(name, "A" if wanted.version == 4 else "AAAA")
        if answer.state is State.FAILED:
            return None
        return any(ipaddress.ip_address(record.address) == wanted for record in answer.records)

    async def _listed(self, what: str, zones: list[str], never: str) -> dict[str, Finding]:
        """By zone: whether it has `what`. `never`: what no list has that works (RFC 5782 §5)."""
        test = ".".join(reversed(never.split(".")))
        found = await asyncio.gather(*(self._in_zone(what, zone, test) for zone in zones))
        return {f"{BLOCKLIST}:{zone}": each for zone, each in zip(zones, found, strict=True)}

    async def _in_zone(self, what: str, zone: str, never: str) -> Finding:
        finding = _meaning(await self._lists.ask(f"{what}.{zone}.", "A"), zone)
        if finding.outcome is not Outcome.LISTED:
            return finding
        test, why = await asyncio.gather(
            self._lists.ask(f"{never}.{zone}.", "A"), self._lists.ask(f"{what}.{zone}.", "TXT")
        )
        if test.state is State.FOUND:
            return Finding(Outcome.UNKNOWN, f"{zone} lists everything: it does not work any more")
        text = " ".join(b"".join(record.strings).decode("utf-8", "replace") for record in why.records)
        return msgspec.structs.replace(finding, detail=text[:MAX_TEXT] or finding.detail)


def _ehlo(name: str, leads_here: bool | None, ptr: Finding) -> Finding:
    """RFC 5321 §4.1.1.1: the EHLO name resolves to the client's address; receivers compare it to the PTR name too."""
    if leads_here is None or (leads_here and ptr.outcome is Outcome.UNKNOWN):
        return Finding(Outcome.UNKNOWN, "DNS could not tell", [name])
    if not leads_here:
        return Finding(
            Outcome.INVALID, f"{name} does not lead to the address: give it an A or AAAA record", [name]
        )
    if name.lower() not in ptr.found:
        return Finding(Outcome.INVALID, f"the PTR record does not name {name}", [name])
    return Finding(Outcome.VALID, "", [name])


def _meaning(answer: Lookup, zone: str) -> Finding:
    if answer.state is State.FAILED:
        return Finding(Outcome.UNKNOWN, f"DNS could not tell: {answer.problem}")
    codes = sorted(record.address for record in answer.records)[:MAX_FOUND]
    if not codes:
        return Finding(Outcome.CLEAR, "")
    addresses = [ipaddress.ip_address(code) for code in codes]
    if any(address in network for address in addresses for network in _REFUSALS):
        detail = (
            f"{zone} does not answer this resolver: it refuses public resolvers and those that ask much. "
            "Set POSTWRIGHT_BLOCKLIST_DNS to a resolver of your own"
        )
        return Finding(Outcome.UNKNOWN, detail, codes)
    if any(address not in _LISTS for address in addresses):
        return Finding(
            Outcome.UNKNOWN, f"{zone} answers what no list answers: it does not work any more", codes
        )
    return Finding(Outcome.LISTED, f"listed by {zone}", codes)
