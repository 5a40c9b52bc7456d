"""DNS for the libraries: synchronous, with a bound on number and time for each message."""

import time
from typing import Any

import dns.exception
import dns.name
import dns.resolver

MAX_LOOKUPS = 120  # of one message: SPF may need some 30 (10 terms, 10 names behind MX), ten signatures ten
SECONDS = 10.0  # for all of them
ONE_SECONDS = 4.0
CACHED = 20_000  # answers kept while their TTL lasts


class LookupFailed(Exception):
    """No answer now: a server failed, or the message used up what it may ask."""


def make_resolver(nameserver: tuple[str, int] | None) -> dns.resolver.Resolver:
    """A resolver with a cache, shared by all messages."""
    made = dns.resolver.Resolver(configure=nameserver is None)
    if nameserver is not None:
        made.nameservers, made.port = [nameserver[0]], nameserver[1]
    made.cache = dns.resolver.LRUCache(CACHED)
    return made


class Lookups:
    """The look-ups of one message."""

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver
        self._left = MAX_LOOKUPS
        self._deadline = time.monotonic() + SECONDS

    def records(self, name: str, rdtype: str) -> list[Any]:
        """The records (dnspython's) of a name; empty when there are none. Raises LookupFailed."""
        self._left -= 1
        seconds = min(self._deadline - time.monotonic(), ONE_SECONDS)
        if self._left < 0 or seconds <= 0:
            raise LookupFailed("too many DNS look-ups")
        try:
            return list(self._resolver.resolve(name, rdtype, lifetime=seconds, raise_on_no_answer=False))
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError):
            return []  # no such name can exist
        except dns.exception.DNSException as wrong:
            raise LookupFailed(str(wrong)[:200]) from wrong

    def texts(self, name: str) -> list[bytes]:
        """The TXT records of a name, each joined. Raises LookupFailed."""
        return [b"".join(record.strings) for record in self.records(name, "TXT")]
