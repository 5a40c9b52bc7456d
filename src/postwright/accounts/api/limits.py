"""Custom message limits over HTTP, of the account and of its subaccounts."""

import msgspec

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, put

from .. import limits, service, subaccounts
from ..errors import BadLimit, CannotEnable, NoLimit, NotASubaccount
from ..records import Principal
from ..roles import Area
from ..service import Accepted

_OWN = "/v5/accounts/limit/custom"
_CHILD = "/v5/accounts/subaccounts/{subaccount_id:str}/limit/custom/monthly"

_HOURLY = "/postwright/v1/subaccounts/{subaccount_id:str}/hourly_limit"


class Limit(msgspec.Struct):
    """A limit in a calendar month, and what of it is used."""

    limit: int
    current: int
    period: str = "1m"


class HourlyLimit(msgspec.Struct):
    """How many recipients each domain may have in an hour; null: any number."""

    limit: int | None
    period: str = "1h"


class SetLimit(msgspec.Struct, kw_only=True):
    """Messages in a month, or recipients in an hour."""

    limit: int


class Success(msgspec.Struct):
    """It is done."""

    success: bool = True


class NotDeleted(NoLimit):
    """There is no limit to delete."""

    status = 400
    message = "Could not delete threshold for account"


class Limits(Controller):
    """How much the account, or one below it, may send in a month."""

    @get(_OWN + "/monthly", id="accounts.limit.get", access=Area.CUSTOM_LIMIT, errors=(NoLimit,))
    async def show(self, principal: Principal, db: Db, clock: Clock) -> Limit:
        """Show the account's message limit and what of it is used this month."""
        return Limit(*await db.read(limits.limit_of, clock.now(), principal.account_id))

    @put(_OWN + "/monthly", id="accounts.limit.set", access=Area.CUSTOM_LIMIT, errors=(BadLimit,))
    async def change(
        self, principal: Principal, db: Db, clock: Clock, accepted: Accepted, fields: SetLimit
    ) -> Success:
        """Limit the messages that the account may send in a month."""
        await _set(db, clock, accepted, principal.account_id, fields.limit)
        return Success()

    @delete(_OWN + "/monthly", id="accounts.limit.delete", access=Area.CUSTOM_LIMIT, errors=(NotDeleted,))
    async def remove(self, principal: Principal, db: Db) -> Success:
        """Have no message limit."""
        await _remove(db, principal.account_id)
        return Success()

    @put(_OWN + "/enable", id="accounts.limit.enable", access=Area.CUSTOM_LIMIT, errors=(CannotEnable,))
    async def enable(self, principal: Principal, db: Db, clock: Clock) -> Success:
        """Let the account go on sending this month although its limit is spent."""
        await db.write(limits.enable, clock.now(), principal.account_id)
        return Success()

    @get(_CHILD, id="subaccounts.limit.get", access=Area.CUSTOM_LIMIT, errors=(NoLimit, NotASubaccount))
    async def show_child(self, principal: Principal, db: Db, clock: Clock, subaccount_id: str) -> Limit:
        """Show a subaccount's message limit and what of it is used this month."""
        child = await db.read(subaccounts.limited, principal.account_id, subaccount_id)
        return Limit(*await db.read(limits.limit_of, clock.now(), child))

    @put(_CHILD, id="subaccounts.limit.set", access=Area.CUSTOM_LIMIT, errors=(BadLimit, NotASubaccount))
    async def change_child(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        accepted: Accepted,
        subaccount_id: str,
        fields: SetLimit,
    ) -> Success:
        """Limit the messages that a subaccount may send in a month."""
        child = await db.read(subaccounts.limited, principal.account_id, subaccount_id)
        await _set(db, clock, accepted, child, fields.limit)
        return Success()

    @delete(
        _CHILD, id="subaccounts.limit.delete", access=Area.CUSTOM_LIMIT, errors=(NotDeleted, NotASubaccount)
    )
    async def remove_child(self, principal: Principal, db: Db, subaccount_id: str) -> Success:
        """Let a subaccount have no message limit."""
        child = await db.read(subaccounts.limited, principal.account_id, subaccount_id)
        await _remove(db, child)
        return Success()

    @get(_HOURLY, id="own.subaccounts.hourly.get", access=Area.CUSTOM_LIMIT, errors=(NotASubaccount,))
    async def show_hourly(self, principal: Principal, db: Db, subaccount_id: str) -> HourlyLimit:
        """Show how many recipients each domain of a subaccount may have in an hour."""
        child = await db.read(subaccounts.limited, principal.account_id, subaccount_id)
        return HourlyLimit((await db.read(service.account, child)).hourly)

    @put(
        _HOURLY, id="own.subaccounts.hourly.set", access=Area.CUSTOM_LIMIT, errors=(BadLimit, NotASubaccount)
    )
    async def change_hourly(
        self, principal: Principal, db: Db, clock: Clock, subaccount_id: str, fields: SetLimit
    ) -> HourlyLimit:
        """Limit the recipients that each domain of a subaccount may have in an hour, until it is trusted."""
        child = await db.read(subaccounts.limited, principal.account_id, subaccount_id)
        await db.write(limits.set_hourly, clock.now(), child, fields.limit)
        return HourlyLimit(fields.limit)

    @delete(_HOURLY, id="own.subaccounts.hourly.delete", access=Area.CUSTOM_LIMIT, errors=(NotASubaccount,))
    async def remove_hourly(
        self, principal: Principal, db: Db, clock: Clock, subaccount_id: str
    ) -> HourlyLimit:
        """Let the domains of a subaccount have any number of recipients."""
        child = await db.read(subaccounts.limited, principal.account_id, subaccount_id)
        await db.write(limits.set_hourly, clock.now(), child, None)
        return HourlyLimit(None)


async def _set(db: Db, clock: Clock, accepted: Accepted, account_id: str, maximum: int) -> None:
    now = clock.now()
    if maximum < limits.MINIMUM:
        raise BadLimit
    # Counted before the transaction: it may take a while. What is accepted in between is not counted.
    used = await db.scan(accepted, account_id, limits.month_start(now))
    await db.write(limits.set_limit, now, account_id, maximum, used)


async def _remove(db: Db, account_id: str) -> None:
    try:
        await db.write(limits.remove_limit, account_id)
    except NoLimit:
        raise NotDeleted from None


CONTROLLERS = (Limits,)
