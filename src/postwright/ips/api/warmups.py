"""Warm-ups."""

import msgspec

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.http import Controller, delete, get, paging, post
from postwright.kernel.settings import Settings

from .. import warmup
from ..addresses import need_dedicated
from ..errors import BadIp, IpNotFound, WarmupNotFound
from ..schemas.addresses import Done
from ..schemas.warmups import WarmupDetails, WarmupItem, WarmupPlan, WarmupQuery, Warmups, WarmupShown
from ..store import warmups as store


class _Position(msgspec.Struct):
    """Where a page begins: behind (or before) an address."""

    address: str = ""
    back: bool = False


class WarmupPlans(Controller):
    """Addresses that are being warmed up."""

    @get("/v3/ip_warmups", id="ip_warmups.list", access=Area.IPS)
    async def page(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        settings: Settings,
        base_url: str,
        fields: WarmupQuery,
    ) -> Warmups:
        """List the account's addresses that are being warmed up."""
        at = paging.position(fields.page, _Position) if fields.page else _Position()
        states = await db.read(_page, principal.account_id, at, fields.limit)
        plan, now = warmup.limits(settings.warmup_plan), clock.now()
        return Warmups(
            [WarmupItem.of(state, plan, now) for state in states],
            _links(f"{base_url}/v3/ip_warmups", at, [state.address for state in states], fields.limit),
        )

    @get(
        "/v3/ip_warmups/{ip:str}",
        id="ip_warmups.get",
        access=Area.IPS,
        errors=(BadIp, WarmupNotFound, IpNotFound),
    )
    async def show(
        self, principal: Principal, ip: str, db: Db, clock: Clock, settings: Settings
    ) -> WarmupShown:
        """Show how far an address has come."""
        state = await db.read(_one, principal.account_id, ip)
        return WarmupShown(WarmupDetails.about(state, warmup.limits(settings.warmup_plan), clock.now()))

    @get(
        "/postwright/v1/ip_warmups/{ip:str}/plan",
        id="ip_warmups.plan",
        access=Area.IPS,
        errors=(BadIp, WarmupNotFound, IpNotFound),
    )
    async def plan(self, principal: Principal, ip: str, db: Db, settings: Settings) -> WarmupPlan:
        """Show the limits of all days of an address's plan, and which of them it has come to (the first is 1)."""
        state = await db.read(_one, principal.account_id, ip)
        return WarmupPlan(state.address, state.stage, list(warmup.limits(settings.warmup_plan)))

    @post("/v3/ip_warmups/{ip:str}", id="ip_warmups.start", access=Area.IPS, errors=(BadIp, IpNotFound))
    async def start(self, principal: Principal, ip: str, db: Db, clock: Clock) -> Done:
        """Begin to warm up a dedicated address."""
        await db.write(warmup.start, clock.now(), principal.account_id, ip)
        return Done("success")

    @delete(
        "/v3/ip_warmups/{ip:str}",
        id="ip_warmups.cancel",
        access=Area.IPS,
        errors=(BadIp, WarmupNotFound, IpNotFound),
    )
    async def cancel(self, principal: Principal, ip: str, db: Db) -> Done:
        """End the warm-up of an address, which is taken for warm."""
        await db.write(warmup.cancel, principal.account_id, ip)
        return Done("success")


def _page(tx: Read, account_id: str, at: _Position, limit: int) -> list[warmup.State]:
    rows = store.page(tx, account_id, at.address, limit, backwards=at.back)
    return [warmup.State(**row._mapping) for row in rows]


def _one(tx: Read, account_id: str, ip: str) -> warmup.State:
    row = store.plan(tx, need_dedicated(tx, account_id, ip).address)
    if row is None:
        raise WarmupNotFound
    return warmup.State(**row._mapping)


def _links(address: str, at: _Position, ips: list[str], limit: int) -> dict[str, str]:
    def link(to: _Position) -> str:
        return f"{address}?page={paging.token(to)}&limit={limit}"

    previous = _Position(ips[0], back=True) if ips else (at if at.back else _Position(back=True))
    return {
        "first": link(_Position()),
        "next": link(_Position(ips[-1]) if ips else (_Position() if at.back else at)),
        "previous": link(previous),
        "last": link(_Position(back=True)),
    }


CONTROLLERS = (WarmupPlans,)
