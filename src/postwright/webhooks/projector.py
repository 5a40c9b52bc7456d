"""From events to calls."""

from collections.abc import Sequence

from postwright.events import Entry, Projection, webhook_type
from postwright.kernel.db import Write

from . import store


class WebhookProjection(Projection):
    """Writes a call for each event and each URL that wants to know of it."""

    name = "webhooks"

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        """Take in events. Costs one look-up a batch while nobody has hooks."""
        if not store.any_hook(tx):
            return
        accounts = sorted({entry.account_id for entry in entries})
        parents = store.parents(tx, accounts)
        hooks: dict[tuple[str, str, str], list[str]] = {}
        for row in store.hooks_of_accounts(tx, sorted({*accounts, *parents.values()})):
            hooks.setdefault((row.account_id, row.domain_id, row.event_type), []).append(row.url)
        calls: list[tuple[str, str, int, str, str, str]] = []
        for entry in entries:
            kind = webhook_type(entry.name, entry.severity)
            if kind is None:
                continue
            levels = [(entry.account_id, "", kind), (entry.account_id, entry.domain_id, kind)]
            if entry.account_id in parents:
                levels.insert(0, (parents[entry.account_id], "", kind))
            # A URL named on several levels is told once (behaviour.md 9.1).
            urls = dict.fromkeys(url for level in levels for url in hooks.get(level, ()))
            calls.extend((entry.account_id, entry.domain_id, entry.seq, kind, url, "") for url in urls)
        if calls:
            store.calls.add(tx, entries[-1].at, calls)
