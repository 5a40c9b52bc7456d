"""Which recipients an operator means, and finding them."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from postwright import domains, journal, messages, queue
from postwright.delivery import Sources
from postwright.kernel.db import Db, Read
from postwright.kernel.secrets import Vault
from postwright.levers import BadLever, Filter
from postwright.mail.addresses import AddressError, to_ascii
from postwright.messages import Meta, facts
from postwright.queue import State, Waiting, Where

BATCH = 500  # rows read at a time: a millisecond or two


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator said: filters that must all be true, by name."""

    account: str = ""
    domain: str = ""
    recipient_domain: str = ""
    provider: str = ""
    tag: str = ""
    source_ip: str = ""


class Selection(msgspec.Struct, frozen=True):
    """Recipients: a filter, and what narrows it further for this once."""

    filter: Filter
    states: tuple[int, ...] | None = None
    due_after: int | None = None  # only those that wait for a later time than this
    scheduled: bool = True  # also those whose sender chose the time
    rule: str = ""  # only what this rule holds

    def where(self) -> Where:
        """As much of it as the queue can tell by itself."""
        filter = self.filter
        is_other = filter.provider.lower() == _OTHER
        return Where(
            filter.account or None,
            filter.domain_id or None,
            filter.recipient_domain or None,
            filter.provider or None,
            named=() if is_other else facts.domains_of(filter.provider),
            not_named=facts.known_domains() if is_other else (),
            states=self.states,
        )

    def takes(self, row: Waiting, meta: Meta | None, source: str) -> bool:
        """The rest of it."""
        filter = self.filter
        if self.rule and row.parked != self.rule:
            return False
        if self.due_after is not None and row.due_at <= self.due_after:
            return False
        if not self.scheduled and not (row.attempts or row.ambiguous):
            return False
        if filter.needs_message and meta is None:
            return False
        if filter.tag and (meta is None or filter.tag not in meta.tags):
            return False
        return not filter.source_ip or source == filter.source_ip


_OTHER: Final = "other"


def select(tx: Read, choice: Choice, owner: str | None, *, everywhere: bool) -> Filter:
    """The filter that a choice means; `owner` None: who may see every account. Raises BadLever.

    Without `everywhere` a choice of nothing is refused: a forgotten parameter must not stop everybody's mail.
    """
    if not any(getattr(choice, name) for name in Choice.__struct_fields__) and not everywhere:
        raise BadLever("Give at least one filter, or all=yes for everything")
    account = choice.account
    if owner is not None:
        if account and account != owner:
            raise BadLever("Only the installation's first account may reach other accounts")
        account = owner
    domain_id = name = ""
    if choice.domain:
        name = _ascii(choice.domain, "domain")
        found = domains.of_name(tx, name)
        if found is None or (account and found.account_id != account):
            raise domains.DomainNotFound("Domain not found")
        domain_id = found.id
    if choice.provider:
        known = dict.fromkeys((*facts.providers(), *queue.provider_names(tx)))
        if choice.provider.lower() not in [each.lower() for each in known]:
            raise BadLever(f"Unknown provider; known are {', '.join(known)}")
    recipient_domain = _ascii(choice.recipient_domain, "recipient_domain") if choice.recipient_domain else ""
    return Filter(
        account=account,
        domain_id=domain_id,
        domain=name,
        recipient_domain=recipient_domain,
        provider=choice.provider,
        tag=choice.tag,
        source_ip=choice.source_ip,
    )


def _ascii(text: str, what: str) -> str:
    try:
        return to_ascii(text.strip())
    except AddressError as wrong:
        raise BadLever(f"{what}: {text[:100]!r} is not a domain name") from wrong


Pick = Callable[[Waiting], bool]


async def walk(
    db: Db, sources: Sources, selection: Selection, after: int = 0
) -> AsyncIterator[list[Waiting]]:
    """The recipients that a selection takes, some at a time, in the order they were accepted.

    A batch may be empty; its place is worth telling all the same: see `Finder`.
    """
    finder = Finder(db, sources, selection, after)
    while (batch := await finder.next()) is not None:
        yield batch


class Finder:
    """Goes through the queue; `after` is how far it has come."""

    def __init__(self, db: Db, sources: Sources, selection: Selection, after: int = 0) -> None:
        self._db = db
        self._sources = sources
        self._selection = selection
        self.after = after

    async def next(self) -> list[Waiting] | None:
        """The next batch, None at the end."""
        if self._selection.filter.source_ip:
            await self._sources.refresh()
        rows, taken = await self._db.scan(self._read)
        if not rows:
            return None
        self.after = rows[-1].id
        return taken

    def _read(self, tx: Read) -> tuple[list[Waiting], list[Waiting]]:
        selection = self._selection
        rows = queue.browse(tx, selection.where(), self.after, BATCH)
        metas: dict[int, Meta] = {}
        if selection.filter.needs_message:
            metas = messages.metas(tx, {row.message for row in rows})
        return rows, [row for row in rows if selection.takes(row, *self._known(row, metas))]

    def _known(self, row: Waiting, metas: dict[int, Meta]) -> tuple[Meta | None, str]:
        meta = metas.get(row.message)
        if meta is None or not self._selection.filter.source_ip:
            return meta, ""
        source = self._sources.choose(meta, row.site, "")
        return meta, source.address if source else ""


class OfMessage:
    """Goes through the recipients of one message, or to one of them, as `Finder` does through the queue."""

    def __init__(self, db: Db, vault: Vault, domain_id: str, message_id: str, recipient: str = "") -> None:
        self._db = db
        self._vault = vault
        self._domain_id = domain_id
        self._message_id = message_id
        self._recipient = recipient
        self._numbers: list[int] | None = None
        self.after = 0
        self.words = {"message": message_id} | ({"recipient": recipient} if recipient else {})

    async def next(self) -> list[Waiting] | None:
        """The next batch, None at the end. Raises MessageNotFound."""
        if self._numbers is None:
            self._numbers = await self._db.read(
                journal.numbers, self._vault, self._domain_id, self._message_id
            )
        while self._numbers:
            rows = await self._db.scan(queue.of_message, self._numbers[0], self._recipient, self.after, BATCH)
            if rows:
                self.after = rows[-1].id
                return rows
            self._numbers.pop(0)
            self.after = 0
        return None


BEING_HELD = (int(State.HELD),)
NOT_HELD = (int(State.QUEUED), int(State.LEASED), int(State.PARKED))
