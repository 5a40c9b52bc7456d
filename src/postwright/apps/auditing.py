"""The audit log's eye on the API: every operation that changes something is recorded where it changes it.

The database that a handler of such an operation gets writes, in the handler's own transaction, who did what from
where. What a service says about its change (`tx.describe`) is recorded as before and after, else what was asked for.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request

from postwright import audit
from postwright.accounts import Area, Principal
from postwright.audit import Actor
from postwright.kernel.clock import Clock
from postwright.kernel.db import Change, Db, Write
from postwright.kernel.http import PUBLIC, Operation, Upload

T = TypeVar("T")

# Mail is no change of anything: the event log tells of it.
UNRECORDED = (Area.SENDING, Area.MESSAGES)
MOST_ITEMS = 20  # of a batch that are recorded one by one


class Watched:
    """A `Db` for one request that records what it changes."""

    def __init__(self, db: Db, clock: Clock, request: Request[Any, Any, Any], operation: Operation) -> None:
        self._db = db
        self._clock = clock
        self._request = request
        self._operation = operation
        self._is_recorded = False
        self.fields: Any = None  # what was asked for, once it is read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def write(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As `Db.write`, and the record with it."""
        return await self._db.write(self._recorded, fn, args, kwargs)

    async def finish(self) -> None:
        """Record what was done without a transaction of the handler's own. A dry run does nothing."""
        looked = getattr(self.fields, "dry_run", False) is True
        if not self._is_recorded and not looked and self._operation.access != PUBLIC:
            await self._db.write(self._record, Change())

    def _recorded(self, tx: Write, fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        tx.change = change = Change()
        try:
            result = fn(tx, *args, **kwargs)
            said = change.before is not None or change.after is not None or change.by
            if not change.is_recorded and (said or not self._is_recorded):
                self._record(tx, change)
            self._is_recorded = True
            return result
        finally:
            tx.change = None

    def _record(self, tx: Write, change: Change) -> None:
        request = self._request
        address = request.client.host if request.client else ""
        principal: Principal | None = request.scope.get("auth")
        if principal is not None:
            account_id, who = principal.account_id, audit.actor(principal, address)
        elif change.by is not None:
            account_id, who = change.by[0], Actor("user", change.by[1], address)
        else:
            return  # nobody's: an unsubscription, a confirmation
        silent = change.before is None and change.after is None
        audit.record(
            tx,
            self._clock.now(),
            account_id,
            who,
            self._operation.id,
            "/".join(str(value) for value in request.path_params.values()),
            before=change.before,
            after=_plain(self.fields) if silent else change.after,
        )


def watcher(clock: Clock) -> Callable[[Request[Any, Any, Any], Operation, Any], Watched | None]:
    """What the API kit asks before an operation that changes something is run."""

    def watch(request: Request[Any, Any, Any], operation: Operation, db: Any) -> Watched | None:
        if db is None or operation.access in UNRECORDED:
            return None
        return Watched(db, clock, request, operation)

    return watch


def _plain(fields: Any) -> Any:
    """What was asked for, without what was left out, and of files only their names."""
    if isinstance(fields, list):
        if len(fields) > MOST_ITEMS:
            return {"items": len(fields)}
        return [_plain(each) for each in fields]
    if not isinstance(fields, msgspec.Struct):
        return fields
    given = ((name, getattr(fields, name)) for name in fields.__struct_fields__)
    return {
        name: f"file {value.filename}" if isinstance(value, Upload) else value
        for name, value in given
        if value not in (None, msgspec.UNSET, "")
    } or None
