"""Whose mailboxes a recipient domain has: as delivery noted, else by its name. On both databases."""

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.queue import Where
from postwright.queue.providers import KEPT_SECONDS

NOW = 1_800_000_000 * SECOND
SITES = ("gmail.com", "company.test", "moved.test", "plain.test")
GMAIL = Where(provider="gmail", named=("gmail.com",))
OTHER = Where(provider="Other", not_named=("gmail.com",))


async def sites(db: Db, where: Where) -> list[str]:
    return [row.site for row in await db.read(queue.browse, where, 0, 100)]


async def test_what_is_noted_counts_more_than_the_name(db: Db) -> None:
    items = [queue.NewItem(n, 1, f"u@{site}", site) for n, site in enumerate(SITES, 1)]
    await db.write(
        queue.add, items, account_id="a", domain_id="d", accepted_at=NOW, due_at=NOW, give_up_at=NOW + SECOND
    )
    assert (await sites(db, GMAIL), await sites(db, OTHER)) == (["gmail.com"], list(SITES[1:]))
    await db.write(
        queue.note_providers, NOW, {"company.test": "Gmail", "moved.test": "Gmail", "plain.test": ""}
    )
    assert await sites(db, GMAIL) == ["gmail.com", "company.test", "moved.test"]
    assert await sites(db, OTHER) == ["plain.test"]
    assert await db.read(queue.noted_providers, SITES) == {"company.test": "Gmail", "moved.test": "Gmail"}
    assert await db.read(queue.provider_names) == ["Gmail"]
    await db.write(queue.note_providers, NOW + SECOND, {"gmail.com": "Mimecast", "moved.test": ""})
    assert await sites(db, GMAIL) == ["company.test"]
    assert await sites(db, Where(provider="mimecast")) == ["gmail.com"]
    assert await sites(db, OTHER) == ["moved.test", "plain.test"]
    assert await sites(db, Where(provider="gmail", named=("gmail.com",), site="plain.test")) == []
    later = NOW + (KEPT_SECONDS + 1) * SECOND
    await db.write(queue.note_providers, later, {"moved.test": "Gmail"})
    assert await db.read(queue.noted_providers, SITES) == {"gmail.com": "Mimecast", "moved.test": "Gmail"}
