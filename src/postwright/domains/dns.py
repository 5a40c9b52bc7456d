"""What DNS should say about a domain, and what it does say (behaviour.md 13.3)."""

import asyncio
import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import dns.asyncresolver
import dns.exception
import dns.resolver
import msgspec

from postwright.kernel.resolver import resolver
from postwright.kernel.settings import Settings

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
    """What records point to: this installation's name and sending addresses."""

    hostname: str
    sources: list[str]

    @classmethod
    def of(cls, settings: Settings, hostname: str) -> "Installation":
        """As the settings say."""
        return cls(hostname, [address for address, _ in settings.sources()])

    @property
    def spf_mechanisms(self) -> list[str]:
        """The mechanisms that authorise us (RFC 7208 §5)."""
        if not self.sources:
            return [f"a:{self.hostname}"]
        return [f"ip6:{address}" if ":" in address else f"ip4:{address}" for address in self.sources]


def receiving(installation: Installation, domain: Domain) -> list[Expected]:
    """The MX records."""
    return [
        Expected(f"mx{letter}", "MX", domain.name, f"mx{letter}.{installation.hostname}", "10")
        for letter in ("a", "b")
    ]


def sending(installation: Installation, domain: Domain, keys: Sequence[KeyRecord]) -> list[Expected]:
    """SPF, DKIM and tracking."""
    spf = f"v=spf1 {' '.join(installation.spf_mechanisms)} ~all"
    expected = [Expected("spf", "TXT", domain.name, spf)]
    for key in keys:
        name = f"{key.selector}._domainkey.{key.authority}"
        if domain.automatic_security:
            # The customer points here once; which key the name holds is then ours to change.
            target = f"{key.selector}._domainkey.{domain.id[-5:]}.dkim.{installation.hostname}"
            expected.append(Expected(f"dkim:{key.selector}", "CNAME", name, target))
        else:
            expected.append(Expected(f"dkim:{key.selector}", "TXT", name, key.public))
    tracking = f"{domain.web_prefix}.{domain.name}"
    expected.append(Expected("tracking", "CNAME", tracking, installation.hostname))
    return expected


async def check(
    settings: Settings, installation: Installation, expected: Sequence[Expected], keys: Sequence[KeyRecord]
) -> dict[str, Check]:
    """Look all of `expected` up; what was found for each."""
    asked = resolver(settings)
    public = {f"dkim:{key.selector}": key.public for key in keys}
    results = await asyncio.gather(
        *(_check(asked, installation, record, public.get(record.purpose, "")) for record in expected)
    )
    return dict(zip((record.purpose for record in expected), results, strict=True))


def is_proven(checks: dict[str, Check], keys: Sequence[KeyRecord]) -> bool | None:
    """Whether SPF and every active DKIM key are in place: what makes a domain active (behaviour.md 13.1).

    None when nobody could tell: a resolver that fails must not stop a domain's mail.
    """
    needed = ["spf", *(f"dkim:{key.selector}" for key in keys if key.active)]
    found = {checks[purpose].valid for purpose in needed}
    if "invalid" in found or len(needed) == 1:
        return False
    return None if "unknown" in found else True


async def _check(
    asked: dns.asyncresolver.Resolver, installation: Installation, record: Expected, public: str
) -> Check:
    try:
        found = await _look_up(asked, record)
        if record.record_type == "CNAME" and public:
            # What the name leads to counts, not through which names.
            texts = await _look_up(asked, Expected("", "TXT", record.name, ""))
            valid = any(_same_key(text, public) for text in texts)
            return Check("valid" if valid else "invalid", (found or texts)[:MAX_FOUND])
    except (dns.exception.DNSException, OSError):
        return Check("unknown")  # nobody could tell: neither right nor wrong
    return Check("valid" if _right(installation, record, found) else "invalid", found[:MAX_FOUND])


async def is_published(settings: Settings, authority: str, selector: str, public: str) -> bool | None:
    """Whether receivers find the key `public` (the text of its record) under a name; None: nobody could tell."""
    try:
        found = await _look_up(
            resolver(settings), Expected("", "TXT", f"{selector}._domainkey.{authority}", "")
        )
    except (dns.exception.DNSException, OSError):
        return None
    return any(_same_key(text, public) for text in found)


async def _look_up(asked: dns.asyncresolver.Resolver, record: Expected) -> list[str]:
    try:
        answer = await asked.resolve(record.name, record.record_type)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    if record.record_type == "TXT":
        return [b"".join(item.strings).decode("utf-8", "replace") for item in answer]
    if record.record_type == "MX":
        return [item.exchange.to_text(omit_final_dot=True).lower() for item in answer]
    return [item.target.to_text(omit_final_dot=True).lower() for item in answer]


def _right(installation: Installation, record: Expected, found: Sequence[str]) -> bool:
    if record.purpose == "spf":
        policies = [text for text in found if text.lower().split(" ", 1)[0] == "v=spf1"]
        # More than one is a permanent error for every receiver (RFC 7208 §4.5).
        return len(policies) == 1 and _authorises(policies[0], installation)
    if record.record_type == "TXT":
        return any(_same_key(text, record.value) for text in found)
    return record.value.lower() in found


def _authorises(policy: str, installation: Installation) -> bool:
    """Whether a policy lets all our addresses pass by itself; what it includes is not looked up."""
    networks: list[IPv4Network | IPv6Network] = []
    hosts: set[str] = set()
    for term in policy.lower().split()[1:]:
        bare = term.lstrip("+")
        if bare.lstrip("-~?") == "all":  # what follows is never reached (RFC 7208 §5.1)
            break
        name, _, value = bare.partition(":")
        if name in ("ip4", "ip6"):
            try:
                networks.append(ip_network(value, strict=False))
            except ValueError:  # a syntax error fails the whole policy (§4.6)
                return False
        hosts.add(bare.rstrip("."))
    if not installation.sources:
        return installation.spf_mechanisms[0].lower() in hosts
    return all(any(ip_address(source) in network for network in networks) for source in installation.sources)


def _same_key(found: str, public: str) -> bool:
    def key(text: str) -> str:
        tags = dict(tag.partition("=")[::2] for tag in _TAG.split(text.strip()) if tag)
        return "".join(tags.get("p", "").split())

    return bool(key(found)) and key(found) == key(public)
