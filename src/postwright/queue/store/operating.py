"""SQL of what operators see and do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, func, literal_column, or_, select, update

from postwright.kernel.db import Prepared, Read, Write

from ..tables import HELD, LEASED, PARKED, QUEUED, queue
from .providers import runs

if TYPE_CHECKING:
    from ..operating import Where

_COLUMNS = (
    queue.c.id,
    queue.c.message,
    queue.c.account_id,
    queue.c.domain_id,
    queue.c.recipient,
    queue.c.site,
    queue.c.state,
    queue.c.due_at,
    queue.c.accepted_at,
    queue.c.give_up_at,
    queue.c.attempts,
    queue.c.lease_until,
    queue.c.started,
    queue.c.ambiguous,
    queue.c.parked,
    queue.c.last_code,
    queue.c.last_reply,
    queue.c.personal,
)
_HOLD = Prepared(
    update(queue)
    .where(queue.c.id == bindparam("key"), queue.c.lease_token == bindparam("token"), queue.c.state == LEASED)
    .values(
        state=HELD,
        parked=bindparam("rule"),
        lease_until=bindparam("since"),
        lease_token=literal_column("''"),
        started=literal_column("0"),
    ),
    ("rule", "since", "key", "token"),
)
# An attempt that has begun ends as it will: what it sends cannot be taken back.
_CANCEL = Prepared(
    delete(queue).where(
        queue.c.id == bindparam("key"), or_(queue.c.state != LEASED, queue.c.started == literal_column("0"))
    ),
    ("key",),
)
_HURRY = Prepared(
    update(queue)
    .where(queue.c.id == bindparam("key"), queue.c.state == QUEUED, queue.c.due_at > bindparam("now"))
    .values(due_at=bindparam("due")),
    ("due", "key", "now"),
)


def browse(tx: Read, where: "Where", after: int, limit: int) -> Sequence[Any]:
    """Rows in order of their numbers."""
    stmt = select(*_COLUMNS).where(queue.c.id > after)
    if where.account_id is not None:
        stmt = stmt.where(queue.c.account_id == where.account_id)
    if where.domain_id is not None:
        stmt = stmt.where(queue.c.domain_id == where.domain_id)
    if where.site is not None:
        stmt = stmt.where(queue.c.site == where.site)
    if where.provider is not None:
        named = queue.c.site.not_in(where.not_named) if where.not_named else queue.c.site.in_(where.named)
        stmt = stmt.where(runs(where.provider, named))
    if where.states is not None:
        stmt = stmt.where(queue.c.state.in_(where.states))
    return tx.rows(stmt.order_by(queue.c.id).limit(limit))


def of_message(tx: Read, message: int, recipient: str, after: int, limit: int) -> Sequence[Any]:
    """Rows of one message."""
    stmt = select(*_COLUMNS).where(queue.c.message == message, queue.c.id > after)
    if recipient:
        stmt = stmt.where(func.lower(queue.c.recipient) == recipient.lower())
    return tx.rows(stmt.order_by(queue.c.id).limit(limit))


def having(tx: Read, messages: Sequence[int]) -> set[int]:
    """Messages with rows."""
    found = tx.rows(select(queue.c.message).where(queue.c.message.in_(messages)).distinct())
    return {row.message for row in found}


def hold(tx: Write, key: int, token: str, rule: str, now: int) -> bool:
    """Hold a row that is leased under `token`."""
    return tx.do(_HOLD, (rule, now, key, token)) == 1


def release(tx: Write, rule: str, now: int, limit: int) -> int:
    """Return held rows."""
    some = select(queue.c.id).where(queue.c.state == HELD, queue.c.parked == rule).limit(limit)
    return tx.run(
        update(queue)
        .where(queue.c.id.in_(some), queue.c.state == HELD)
        .values(
            state=QUEUED,
            parked="",
            give_up_at=queue.c.give_up_at + now - queue.c.lease_until,
            lease_until=0,
        )
    )


def held_rules(tx: Read) -> list[str]:
    """Every rule with a held row, each by one step in the index."""
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        following = tx.scalar(
            select(func.min(queue.c.parked)).where(queue.c.state == HELD, queue.c.parked > after)
        )
        if following is None:
            return found
        found.append(following)


def cancel(tx: Write, key: int) -> bool:
    """Delete a row that is not being sent."""
    return tx.do(_CANCEL, (key,)) == 1


def hurry(tx: Write, key: int, now: int) -> int:
    """Let a queued row be due."""
    return tx.do(_HURRY, (now, key, now))


def depth(tx: Read, now: int, account_id: str | None) -> dict[str, tuple[int, int]]:
    """Counts and oldest due times by state."""
    kind = case(
        (queue.c.state == LEASED, "leased"),
        (queue.c.state == PARKED, "parked"),
        (queue.c.state == HELD, "held"),
        (and_(queue.c.state == QUEUED, queue.c.due_at <= now), "due"),
        else_="later",
    ).label("kind")
    stmt = select(kind, func.count().label("n"), func.min(queue.c.due_at).label("oldest")).group_by(kind)
    if account_id is not None:
        stmt = stmt.where(queue.c.account_id == account_id)
    counts = dict.fromkeys(("due", "later", "leased", "parked", "held"), (0, 0))
    return counts | {row.kind: (row.n, row.oldest) for row in tx.rows(stmt)}


def depth_of_sites(tx: Read, account_id: str | None, limit: int) -> list[tuple[str, int, int, int]]:
    """Counts by recipient domain, the largest first."""
    stmt = select(
        queue.c.site,
        func.count().label("n"),
        func.count().filter(queue.c.state == HELD).label("held"),
        func.min(queue.c.due_at).label("oldest"),
    )
    if account_id is not None:
        stmt = stmt.where(queue.c.account_id == account_id)
    stmt = stmt.group_by(queue.c.site).order_by(func.count().desc(), queue.c.site).limit(limit)
    return [(row.site, row.n, row.held, row.oldest) for row in tx.rows(stmt)]
