"""The calls that webhooks made, over HTTP."""

import msgspec

from postwright import accounts, domains
from postwright.accounts import Area, Principal
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.http import Controller, get, post
from postwright.kernel.http.convert import InvalidParameter
from postwright.kernel.http.paging import BadToken, Links, position, token_links, url
from postwright.kernel.secrets import Vault

from .. import history, service
from ..errors import CallNotFound
from ..history import STATES, Search
from ..schemas import (
    CallDetail,
    CallPage,
    CallPlace,
    CallScope,
    CallShown,
    CallsQuery,
    Replayed,
    ReplayForm,
    SignatureForm,
    SignatureJudged,
    call_shown,
    detail,
)

_PATH = "/postwright/v1/webhooks/calls"
_COLUMNS = frozenset(("domain_id", "state", "event_type", "url"))


class CallList(msgspec.Struct):
    """Calls, oldest first."""

    items: list[CallShown]


class Fired(Controller):
    """Who was told of a message."""

    @get(
        "/postwright/v1/{domain:str}/messages/{message_id:str}/webhooks",
        id="webhooks.calls.of_message",
        access=Area.WEBHOOKS,
        errors=(DomainNotFound,),
    )
    async def page(self, tenant: DomainScope, message_id: str, db: Db) -> CallList:
        """List the webhook calls about a message's events, with how each ended; the first 300."""
        found = await db.scan(service.calls_about, tenant.domain_id, message_id)
        return CallList([call_shown(row) for row in found])


class Calls(Controller):
    """All calls of the account, of the last seven days."""

    @get(_PATH, id="webhooks.calls.list", access=Area.WEBHOOKS, errors=(BadToken, DomainNotFound))
    async def page(self, principal: Principal, db: Db, base_url: str, fields: CallsQuery) -> CallPage:
        """List calls, the newest first, with how each ended."""
        if fields.page:
            place = position(fields.page, CallPlace)
        else:
            search = await db.read(_search, principal.account_id, fields)
            place = CallPlace(x=search.exact, low=search.low, high=search.high, limit=fields.limit)
        if not place.x.keys() <= _COLUMNS or not 0 < place.limit <= CallsQuery.most:
            raise BadToken
        search = Search(principal.account_id, place.x, place.low, place.high)
        found = await db.scan(history.page, search, before=place.b, after=place.a, limit=place.limit)
        return CallPage(
            [call_shown(row) for row in found], _links(base_url, place, [row.id for row in found])
        )

    @get(_PATH + "/{number:int}", id="webhooks.calls.get", access=Area.WEBHOOKS, errors=(CallNotFound,))
    async def one(self, principal: Principal, number: int, db: Db) -> CallDetail:
        """Show a call: what its receiver is told, and what it said last."""
        row, event = await db.read(history.one, principal.account_id, number)
        return detail(row, event)

    @post(
        _PATH + "/{number:int}/retry", id="webhooks.calls.retry", access=Area.WEBHOOKS, errors=(CallNotFound,)
    )
    async def retry(self, principal: Principal, number: int, db: Db, clock: Clock) -> CallShown:
        """Make a call again now, signed afresh, and retried on schedule if need be."""
        return call_shown(await db.write(history.retry, principal.account_id, number, clock.now()))

    @post(
        "/postwright/v1/webhooks/replay",
        id="webhooks.replay",
        access=Area.WEBHOOKS,
        errors=(InvalidParameter, DomainNotFound),
    )
    async def replay(self, principal: Principal, db: Db, clock: Clock, fields: ReplayForm) -> Replayed:
        """Make the calls of a time range again, whether they went well or not: their receiver lost them."""
        if fields.begin is None:
            raise InvalidParameter("begin", "a replay needs a time to begin at")
        search = await db.read(_search, principal.account_id, fields)
        if fields.dry_run:
            return Replayed("Nothing was done", await db.scan(history.count, search), True)
        total, after = 0, 0
        # What the replay itself sets in motion has its old number: it is not met again.
        while total < history.MOST_REPLAYED:
            begun, after = await db.write(history.replay, search, after, clock.now())
            total += begun
            if not after:
                break
        return Replayed(f"{total} calls are made again", total, after == 0)

    @post("/postwright/v1/webhooks/verify", id="webhooks.verify", access=Area.WEBHOOKS)
    async def verify(
        self, principal: Principal, db: Db, clock: Clock, vault: Vault, fields: SignatureForm
    ) -> SignatureJudged:
        """Tell whether the signature of a call holds: for whoever writes a receiver."""
        key = await db.read(accounts.signing_key, principal.account_id, vault)
        wrong = history.judge([key], fields.timestamp, fields.token, fields.signature, clock.now())
        return SignatureJudged(not wrong, wrong or "The signature holds.")


def _search(tx: Read, account_id: str, scope: CallScope | CallsQuery) -> Search:
    exact: dict[str, str | int] = {}
    if scope.domain:
        exact["domain_id"] = domains.need(tx, account_id, scope.domain).id
    if scope.state:
        if scope.state not in STATES:
            raise InvalidParameter("state", f"expected one of {', '.join(STATES)}")
        exact["state"] = STATES.index(scope.state)
    if scope.event_type:
        exact["event_type"] = service.parse_type(scope.event_type) or scope.event_type
    if scope.url:
        exact["url"] = scope.url
    return Search(account_id, exact, scope.begin, scope.end)


def _links(base_url: str, place: CallPlace, ids: list[int]) -> Links:
    first = msgspec.structs.replace(place, a=None, b=None)
    older = ids[-1] if ids else (place.a or 0) + 1
    newer = ids[0] if ids else (place.b or 0) - 1
    return token_links(
        url(base_url, "postwright", "v1", "webhooks", "calls"),
        first=first,
        next=msgspec.structs.replace(first, b=older),
        previous=msgspec.structs.replace(first, a=newer),
        last=msgspec.structs.replace(first, a=0),
    )
