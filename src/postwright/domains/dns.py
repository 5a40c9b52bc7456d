"""What DNS should say about a domain, and what it does say (behaviour.md 13.3)."""

import asyncio
import re
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver
import msgspec

from postwright.kernel.resolver import resolver
from postwright.kernel.settings import Settings, host_port
from postwright.mail import spf
from postwright.mail.lookups import Lookups, make_resolver

from .keys import KeyRecord
from .records import Check, Domain

MAX_FOUND = 20  # values of a record that are kept
_TAG = re.compile(r"\s*;\s*")


class Expected(msgspec.Struct, frozen=True):
    """A record that should be there. `purpose` is its name in `Domain.checks`."""

    purpose: str
    record_type: str
    name: str
    value: str
    priority: str = ""


class Installation(msgspec.Struct, frozen=True):
    """What records point to: this installation's name and sending addresses, and the zone with keys that it keeps."""

    hostname: str
    sources: Sequence[str]
    dkim_zone: str = ""

    @classmethod
    def of(cls, settings: Settings, hostname: str, sources: Sequence[str]) -> "Installation":
        """As the settings say; `sources`: the addresses that mail leaves from, none when the system chooses."""
        zone = settings.dkim_zone.strip(".").lower() or f"dkim.{hostname}"
        return cls(hostname, sources, zone)

    @property
    def spf_mechanisms(self) -> list[str]:
        """The mechanisms that authorise us (RFC 7208 §5)."""
        if not self.sources:
            return [f"a:{self.hostname}"]
        return [f"ip6:{address}" if ":" in address else f"ip4:{address}" for address in self.sources]

    def key_target(self, code: str, selector: str) -> str:
        """Where the CNAME of a key that we keep leads to."""
        return f"{selector}._domainkey.{code}.{self.dkim_zone}"


def receiving(installation: Installation, domain: Domain) -> list[Expected]:
    """The MX records."""
    return [
        Expected(f"mx{letter}", "MX", domain.name, f"mx{letter}.{installation.hostname}", "10")
        for letter in ("a", "b")
    ]


def key_record(installation: Installation, key: KeyRecord) -> Expected:
    """The record of a key."""
    name = f"{key.selector}._domainkey.{key.authority}"
    if key.code:
        # The customer points here once; which key the name holds is then ours to change.
        target = installation.key_target(key.code, key.selector)
        return Expected(f"dkim:{key.selector}", "CNAME", name, target)
    return Expected(f"dkim:{key.selector}", "TXT", name, key.public)


def sending(installation: Installation, domain: Domain, keys: Sequence[KeyRecord]) -> list[Expected]:
    """SPF, DKIM and tracking."""
    policy = f"v=spf1 {' '.join(installation.spf_mechanisms)} ~all"
    tracking = f"{domain.web_prefix}.{domain.name}"
    return [
        Expected("spf", "TXT", domain.name, policy),
        *(key_record(installation, key) for key in keys),
        Expected("tracking", "CNAME", tracking, installation.hostname),
    ]


def recommended(domain: Domain) -> Expected:
    """The DMARC policy to begin with: nothing is refused, and reports come to us (RFC 7489 §6.3)."""
    policy = f"v=DMARC1; p=none; rua=mailto:dmarc-reports@{domain.name}"
    return Expected("dmarc", "TXT", f"_dmarc.{domain.name}", policy)


def sending_records(installation: Installation, domain: Domain, keys: Sequence[KeyRecord]) -> list[Expected]:
    """What has to do with sending, the DMARC policy too."""
    return [*sending(installation, domain, keys), recommended(domain)]


async def check(
    settings: Settings, installation: Installation, expected: Sequence[Expected], keys: Sequence[KeyRecord]
) -> dict[str, Check]:
    """Look all of `expected` up; what was found for each."""
    asked = resolver(settings)
    public = {f"dkim:{key.selector}": key.public for key in keys}

    async def one(record: Expected) -> Check:
        if record.purpose == "spf":
            return await _check_spf(settings, asked, installation, record)
        if record.purpose == "dmarc":
            return await _check_dmarc(asked, record)
        return await _check(asked, record, public.get(record.purpose, ""))

    results = await asyncio.gather(*map(one, expected))
    return dict(zip((record.purpose for record in expected), results, strict=True))


async def check_key(settings: Settings, installation: Installation, key: KeyRecord) -> Check:
    """Look one key up."""
    return await _check(resolver(settings), key_record(installation, key), key.public)


def is_proven(checks: dict[str, Check], keys: Sequence[KeyRecord]) -> bool | None:
    """Whether SPF and every active DKIM key are in place: what makes a domain active (behaviour.md 13.1).

    None when nobody could tell: a resolver that fails must not stop a domain's mail.
    """
    needed = ["spf", *(f"dkim:{key.selector}" for key in keys if key.active)]
    found = {checks[purpose].valid for purpose in needed}
    if "invalid" in found or len(needed) == 1:
        return False
    return None if "unknown" in found else True


async def _check(asked: dns.asyncresolver.Resolver, record: Expected, public: str) -> Check:
    try:
        found = await _look_up(asked, record.name, record.record_type)
        if record.record_type == "CNAME" and public:
            # What the name leads to counts, not through which names.
            texts = await _look_up(asked, record.name, "TXT")
            valid = any(_same_key(text, public) for text in texts)
            return Check("valid" if valid else "invalid", (found or texts)[:MAX_FOUND])
    except (dns.exception.DNSException, OSError):
        return Check("unknown")  # nobody could tell: neither right nor wrong
    if record.record_type == "TXT":
        right = any(_same_key(text, record.value) for text in found)
    else:
        right = record.value.lower() in found
    return Check("valid" if right else "invalid", found[:MAX_FOUND])


async def is_published(settings: Settings, authority: str, selector: str, public: str) -> bool | None:
    """Whether receivers find the key `public` (the text of its record) under a name; None: nobody could tell."""
    try:
        found = await _look_up(resolver(settings), f"{selector}._domainkey.{authority}", "TXT")
    except (dns.exception.DNSException, OSError):
        return None
    return any(_same_key(text, public) for text in found)


async def is_alias(settings: Settings, installation: Installation, host: str) -> bool | None:
    """Whether the CNAME of a host leads to this installation; None: nobody could tell."""
    try:
        found = await _look_up(resolver(settings), host, "CNAME")
    except (dns.exception.DNSException, OSError):
        return None
    return installation.hostname.lower() in found


async def _look_up(asked: dns.asyncresolver.Resolver, name: str, kind: str) -> list[str]:
    try:
        answer = await asked.resolve(name, kind)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    if kind == "TXT":
        return [b"".join(item.strings).decode("utf-8", "replace") for item in answer]
    if kind == "MX":
        return [item.exchange.to_text(omit_final_dot=True).lower() for item in answer]
    if kind == "CNAME":
        return [item.target.to_text(omit_final_dot=True).lower() for item in answer]
    return [item.address for item in answer]


async def _check_spf(
    settings: Settings, asked: dns.asyncresolver.Resolver, installation: Installation, record: Expected
) -> Check:
    """Whether a receiver would let mail of the domain from each of our addresses pass, includes and all."""
    try:
        found = await _look_up(asked, record.name, "TXT")
        addresses = installation.sources or [
            address
            for kind in ("A", "AAAA")
            for address in await _look_up(asked, installation.hostname, kind)
        ]
    except (dns.exception.DNSException, OSError):
        return Check("unknown")
    policies = [text for text in found if text.lower().split(" ", 1)[0] == "v=spf1"]
    if not addresses:
        # Nobody knows where from we send, not even DNS: the policy has to name us.
        terms = [term.lstrip("+").rstrip(".") for policy in policies for term in policy.lower().split()]
        named = len(policies) == 1 and installation.spf_mechanisms[0].lower() in terms
        return Check("valid" if named else "invalid", found[:MAX_FOUND])
    results = await asyncio.to_thread(_evaluate, settings, record.name, addresses) if policies else {"none"}
    if results == {"pass"}:
        return Check("valid", found[:MAX_FOUND])
    unsure = "temperror" in results and results <= {"pass", "temperror"}
    return Check("unknown" if unsure else "invalid", found[:MAX_FOUND])


def _evaluate(settings: Settings, domain: str, addresses: Sequence[str]) -> set[str]:
    nameserver = host_port(settings.dns, "POSTWRIGHT_DNS") if settings.dns else None
    made = make_resolver(nameserver)  # its cache is shared by all addresses
    return {spf.check(Lookups(made), address, f"postmaster@{domain}", domain)[0] for address in addresses}


async def _check_dmarc(asked: dns.asyncresolver.Resolver, record: Expected) -> Check:
    """The policy of the domain, or that of the nearest domain above it which has one (RFC 7489 §6.6.3)."""
    name = record.name.removeprefix("_dmarc.")
    try:
        while "." in name:
            found = await _look_up(asked, f"_dmarc.{name}", "TXT")
            policies = [text for text in found if text.replace(" ", "").lower().startswith("v=dmarc1;")]
            if policies:
                return Check("valid" if len(policies) == 1 else "invalid", policies[:MAX_FOUND])
            name = name.partition(".")[2]
    except (dns.exception.DNSException, OSError):
        return Check("unknown")
    return Check("invalid")


def _same_key(found: str, public: str) -> bool:
    def key(text: str) -> str:
        tags = dict(tag.partition("=")[::2] for tag in _TAG.split(text.strip()) if tag)
        return "".join(tags.get("p", "").split())

    return bool(key(found)) and key(found) == key(public)
