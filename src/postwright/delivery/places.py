"""Which site and provider a recipient domain belongs to."""

from functools import lru_cache

import msgspec

from postwright.kernel.clock import SECOND, Clock
from postwright.messages import facts

from .destinations import Destinations, Route, Unroutable
from .shaping import Shaping, site_name

MAX_KNOWN = 64_000
NOTED_SECONDS = 86400  # what is noted is noted again after so long
_SEPARATOR = "\t"  # is in no host name
# Sections of the table of limits, and what Mailgun calls who runs them (behaviour.md 6.2).
_NAMES = {
    "google": "Gmail",
    "yahoo": "Yahoo",
    "outlook": "Outlook",
    "office365": "Outlook",
    "microsoft": "Outlook",
    "icloud": "Apple",
}


class Place(msgspec.Struct, frozen=True):
    """A destination: what shares one budget of connections and rates."""

    site: str
    provider: str = ""
    domain: str = ""  # the domain whose own section of the table makes it a destination
    local: bool = False  # the one host that takes everything (capture, smarthost)
    stays: bool = False  # what goes there does not leave the machine (capture, test mode)


TEST = Place(
    "test mode", local=True, stays=True
)  # what is sent in test mode goes nowhere, and waits for nobody


def provider(place: Place | None, domain: str) -> str:
    """Who runs the mailboxes of `domain`: by its MX hosts where the table knows them, else by its name."""
    known = place.provider if place is not None else ""
    return _NAMES.get(known, known) or facts.provider(domain)


def named(place: Place, domain: str) -> str:
    """The same, or "" for one of the many small ones."""
    found = provider(place, domain)
    return "" if found == facts.OTHER else found


class Providers:
    """What is found out about whose mailboxes domains have, until it is noted in the store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, int]] = {}  # as noted, and when that is to be noted again
        self._new: dict[str, str] = {}

    def found(self, domain: str, place: Place) -> None:
        """The place of a domain was found through DNS."""
        name = provider(place, domain)
        noted = "" if name == facts.provider(domain) else name
        now = self._clock.now()
        known, again = self._known.get(domain, (None, 0))
        if known != noted or again < now:
            if len(self._known) >= MAX_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[domain] = (noted, now + NOTED_SECONDS * SECOND)
            self._new[domain] = noted

    def take(self) -> dict[str, str]:
        """What is to be noted."""
        new, self._new = self._new, {}
        return new


def parked_key(site: str, source: str = "", account_id: str = "") -> str:
    """What recipients are parked under that wait for a site (and for what is held back there)."""
    return _SEPARATOR.join((site, source, account_id)).rstrip(_SEPARATOR)


def parked_scope(key: str) -> tuple[str, str, str]:
    """Site, source and account of a parked key."""
    site, source, account, *_ = *key.split(_SEPARATOR), "", ""
    return site, source, account


class Places:
    """Finds the place of a domain."""

    def __init__(self, destinations: Destinations, shaping: Shaping) -> None:
        self._destinations = destinations
        self._shaping = shaping
        self.of_hosts = lru_cache(50_000)(self._of_hosts)

    def of(self, domain: str) -> Place | None:
        """The place of `domain`, or None when DNS has to be asked first."""
        site = self._destinations.site(domain)
        if site != domain:
            return Place(site, local=True, stays=self._destinations.capture)
        route = self._destinations.known(domain)
        return None if route is None else self.at(domain, route)

    def at(self, domain: str, route: Route | Unroutable) -> Place:
        """The place of `domain` with a known route."""
        if isinstance(route, Unroutable) or not route.names:
            return Place(domain)  # there is nobody to share with
        return self.of_hosts(domain if self._shaping.has_own(domain) else "", route.names)

    def _of_hosts(self, domain: str, names: tuple[str, ...]) -> Place:
        provider = self._shaping.provider(names)
        return Place(domain or site_name(names), provider, domain)
