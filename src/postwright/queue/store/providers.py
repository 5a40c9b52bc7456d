"""SQL of who runs the mailboxes of recipient domains."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select

from postwright.kernel.db import Read, Write

from ..tables import queue, site_providers


def put(tx: Write, now: int, providers: Mapping[str, str]) -> None:
    """Note the providers of domains."""
    rows = [{"site": site, "provider": name, "seen_at": now} for site, name in providers.items()]
    tx.upsert(site_providers, rows, ["site"], ["provider", "seen_at"])


def remove(tx: Write, sites: Collection[str]) -> None:
    """Forget domains."""
    if sites:
        tx.run(delete(site_providers).where(site_providers.c.site.in_(sites)))


def remove_before(tx: Write, before: int) -> int:
    """Forget up to a thousand domains that were last seen before a time."""
    return tx.delete_some(site_providers, site_providers.c.seen_at < before)


def of(tx: Read, sites: Collection[str]) -> dict[str, str]:
    """What is noted of some domains."""
    found = tx.rows(
        select(site_providers.c.site, site_providers.c.provider).where(site_providers.c.site.in_(sites))
    )
    return {row.site: row.provider for row in found}


def names(tx: Read) -> list[str]:
    """Every provider that is noted."""
    found = tx.rows(select(site_providers.c.provider).distinct().order_by(site_providers.c.provider))
    return [row.provider for row in found]


def runs(provider: str, by_name: ColumnElement[bool]) -> ColumnElement[bool]:
    """That `provider` runs the mailboxes of a queue row: it is noted, or nothing is noted and `by_name` holds."""
    noted = site_providers.c.site == queue.c.site
    ours = and_(noted, func.lower(site_providers.c.provider) == provider.lower())
    return or_(exists().where(ours), and_(by_name, ~exists().where(noted)))
