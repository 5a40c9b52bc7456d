"""The order of a move: domains first, because all else belongs to them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from . import domains, hooks, mailing, suppressing, templating
from .client import Account, Failed
from .journal import Journal
from .report import BEFORE, COPIED, FAILED, THERE, WOULD, Report

KINDS = ("domains", "suppressions", "templates", "webhooks", "tags", "routes", "lists", "allowlist")


class Copier:
    """One move. Kinds that are not among `kinds`, and domains not among `only` (all when empty), are left out."""

    def __init__(
        self,
        source: Account,
        target: Account,
        journal: Journal,
        report: Report,
        *,
        dry: bool = False,
        kinds: Sequence[str] = KINDS,
        only: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.target = target
        self.journal = journal
        self.report = report
        self.dry = dry
        self._kinds = frozenset(kinds)
        self._only = frozenset(name.lower() for name in only)

    async def run(self) -> None:
        """Copy. Raises Failed when a list of the source cannot be read at all."""
        names = [name async for name in domains.names(self) if not self._only or name in self._only]
        for missing in sorted(self._only - set(names)):
            self.report.note("domains", missing, FAILED, "the source has no such domain")
        for name in names:
            self.report.tell(name)
            if "domains" in self._kinds:
                await domains.copy(self, name)
            if "suppressions" in self._kinds:
                await suppressing.copy(self, name)
            if "templates" in self._kinds:
                await templating.copy(self, f"/v3/{name}/templates", f"{name}/")
            if "webhooks" in self._kinds:
                await hooks.copy(self, name)
            if "tags" in self._kinds:
                await hooks.copy_tags(self, name)
        if "templates" in self._kinds:
            await templating.copy(self, "/v4/templates", "")
        if "lists" in self._kinds:
            await mailing.copy_lists(self)
        if "routes" in self._kinds:
            await mailing.copy_routes(self)
        if "webhooks" in self._kinds:
            await hooks.copy_account(self)
        if "allowlist" in self._kinds:
            await hooks.copy_allowlist(self)

    async def item(self, kind: str, key: str, write: Callable[[], Awaitable[bool]]) -> bool:
        """Copy one item, unless it was copied before; `write` gives False when it was there as it is.

        Whether it is in the target now. A failure goes into the report, and the next run tries again.
        """
        name = f"{kind} {key}"
        if self.journal.is_done(name):
            self.report.count(kind, BEFORE)
            return True
        if self.dry:
            self.report.count(kind, WOULD)
            return True
        try:
            made = await write()
        except Failed as no:
            self.report.note(kind, key, FAILED, str(no))
            return False
        self.report.count(kind, COPIED if made else THERE)
        self.journal.finish(name)
        return True

    async def paged(
        self,
        kind: str,
        name: str,
        path: str,
        limit: int,
        write: Callable[[list[Any]], Awaitable[None]],
    ) -> None:
        """Copy a long list by pages, from where the last run came to."""
        done = f"{kind} {name}"
        if self.journal.is_done(done):
            return
        place, many = self.journal.place(done), 0
        try:
            async for items, following in self.source.pages(path, {"limit": limit}, place):
                if self.dry:
                    self.report.count(kind, WOULD, len(items))
                else:
                    await write(items)
                    self.report.count(kind, COPIED, len(items))
                    self.journal.reach(done, following)
                many += len(items)
                self.report.tell(f"  {kind} of {name}: {many:,}")
        except Failed as no:
            self.report.note(kind, name, FAILED, str(no))
            return
        if not self.dry:
            self.journal.finish(done)
