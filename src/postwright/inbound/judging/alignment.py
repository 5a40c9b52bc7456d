"""DMARC: is the domain that people see one that was proven? (RFC 7489)"""

import secrets
from collections.abc import Iterable
from functools import cache

import msgspec
from publicsuffixlist import PublicSuffixList

from postwright.mail.addresses import AddressError, parse_list
from postwright.mail.lookups import LookupFailed, Lookups

MAX_AUTHORS = 5  # domains in From fields that are looked at; the strictest counts
_POLICIES = ("none", "quarantine", "reject")


class Record(msgspec.Struct, frozen=True):
    """A published policy."""

    policy: str
    subdomain_policy: str
    strict_dkim: bool
    strict_spf: bool
    percent: int


class Outcome(msgspec.Struct, frozen=True):
    """What DMARC says: result (pass, fail, none, temperror), the From domain, what its owner asks for."""

    result: str
    domain: str = ""
    policy: str = ""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisation(domain: str) -> str:
    """The organisational domain: one label more than the public suffix."""
    return _suffixes().privatesuffix(domain) or domain


def parse_record(text: str) -> Record | None:
    """A policy record, or None when it is none (RFC 7489 §6.3, §6.6.3)."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        tags.setdefault(name.strip().lower(), value.strip())
    if not text.replace(" ", "").lower().startswith("v=dmarc1") or tags.get("v", "").upper() != "DMARC1":
        return None
    policy = tags.get("p", "none" if "rua" in tags else "").lower()
    if policy not in _POLICIES:
        policy = "none"
    subdomains = tags.get("sp", policy).lower()
    percent = tags.get("pct", "100")
    return Record(
        policy=policy,
        subdomain_policy=subdomains if subdomains in _POLICIES else policy,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        percent=min(int(percent), 100) if percent.isdecimal() and len(percent) < 4 else 100,
    )


def authors(values: Iterable[str]) -> list[str]:
    """The domains in From fields, each once."""
    found: dict[str, None] = {}
    for value in values:
        try:
            found.update((address.domain, None) for address in parse_list(value))
        except AddressError:
            # What cannot be parsed is shown by some program as something: the last host in it is the best guess.
            host = value.rpartition("@")[2].strip(" <>\t\"'").lower()
            if host and host.isascii() and "." in host:
                found[host] = None
    return list(found)[:MAX_AUTHORS]


def check(lookups: Lookups, values: Iterable[str], spf_domain: str, dkim_domains: list[str]) -> Outcome:
    """DMARC's outcome for the From fields `values`, given the domains that SPF and DKIM proved ("" and [] for none)."""
    outcomes = [_one(lookups, domain, spf_domain, dkim_domains) for domain in authors(values)]
    if not outcomes:
        return Outcome("none")
    return max(outcomes, key=_severity)


def _severity(outcome: Outcome) -> tuple[int, int]:
    ranks = ("pass", "none", "temperror", "fail")
    return ranks.index(outcome.result), _POLICIES.index(outcome.policy or "none")


def _one(lookups: Lookups, domain: str, spf_domain: str, dkim_domains: list[str]) -> Outcome:
    base = organisation(domain)
    try:
        record = _find(lookups, domain)
        own = record is not None
        if record is None and base != domain:
            record = _find(lookups, base)
    except LookupFailed:
        return Outcome("temperror", domain)
    if record is None:
        return Outcome("none", domain)
    if spf_domain and _aligned(domain, spf_domain, strict=record.strict_spf):
        return Outcome("pass", domain, record.policy)
    if any(_aligned(domain, each, strict=record.strict_dkim) for each in dkim_domains):
        return Outcome("pass", domain, record.policy)
    policy = record.policy if own else record.subdomain_policy
    if policy == "reject" and secrets.randbelow(100) >= record.percent:
        policy = "quarantine"  # RFC 7489 §6.6.4
    return Outcome("fail", domain, policy)


def _find(lookups: Lookups, domain: str) -> Record | None:
    texts = [text.decode("utf-8", "replace") for text in lookups.texts(f"_dmarc.{domain}")]
    records = [record for record in map(parse_record, texts) if record is not None]
    return records[0] if len(records) == 1 else None  # several are as good as none (§6.6.3)


def _aligned(author: str, proven: str, *, strict: bool) -> bool:
    return author == proven if strict else organisation(author) == organisation(proven)
