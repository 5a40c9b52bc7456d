"""Who runs the mailboxes of recipient domains, as delivery found out by their MX hosts.

Only what differs from what the names of the domains tell is noted, so that whoever asks no DNS (a dry run, the
overview) can tell what delivery would.
"""

from collections.abc import Collection, Mapping

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write

from .store import providers as store

KEPT_SECONDS = 30 * 86400  # without being seen again


def note_providers(tx: Write, now: int, found: Mapping[str, str]) -> None:
    """Note the providers of domains; "" where the name of the domain tells it."""
    store.remove(tx, [site for site, name in found.items() if not name])
    store.put(tx, now, {site: name for site, name in found.items() if name})
    store.remove_before(tx, now - KEPT_SECONDS * SECOND)


def noted_providers(tx: Read, sites: Collection[str]) -> dict[str, str]:
    """What is noted of some domains."""
    return store.of(tx, sites)


def provider_names(tx: Read) -> list[str]:
    """Every provider that is noted of any domain."""
    return store.names(tx)
