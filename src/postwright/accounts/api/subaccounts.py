"""Subaccounts over HTTP."""

from typing import Any

import msgspec
from litestar import Request

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, dates, delete, get, post, put
from postwright.kernel.http.paging import Offset
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from .. import subaccounts
from ..auth import ON_BEHALF_OF
from ..errors import BadAccount, BadSubaccount, ChildNotFound, SubaccountNotFound
from ..records import Account, Principal
from ..roles import Area
from ..schemas import Done
from ..sessions import Keyring
from .account import FeatureForm, Features

_PATH = "/v5/accounts/subaccounts"


class Subaccount(msgspec.Struct):
    """A subaccount."""

    id: str
    name: str
    created_at: str
    updated_at: str
    status: str
    features: dict[str, dict[str, bool]]


class OneSubaccount(msgspec.Struct):
    """The answer about one subaccount."""

    subaccount: Subaccount


class SubaccountList(msgspec.Struct):
    """Subaccounts, and how many there are."""

    subaccounts: list[Subaccount]
    total: int


class SubaccountQuery(Offset, kw_only=True):
    """Which subaccounts to list. `filter`: a part of the name."""

    default = 10

    sort: str = ""
    filter: str = ""
    enabled: bool | None = None
    closed: bool | None = None


class NewSubaccount(msgspec.Struct, kw_only=True):
    """A subaccount to open."""

    name: str


class Disable(msgspec.Struct, kw_only=True):
    """Why it is disabled, for the record. `note` is for people."""

    reason: str = ""
    note: str = ""


class Subaccounts(Controller):
    """Accounts below the account."""

    @get(_PATH, id="subaccounts.list", access=Area.SUBACCOUNTS)
    async def page(self, principal: Principal, db: Db, fields: SubaccountQuery) -> SubaccountList:
        """List subaccounts, oldest first or by name."""
        found, total = await db.read(
            subaccounts.page,
            principal.account_id,
            name=fields.filter,
            enabled=fields.enabled,
            closed=fields.closed,
            descending=fields.sort.lower() == "desc" if fields.sort else None,
            limit=fields.limit,
            skip=fields.skip,
        )
        return SubaccountList([_shown(each) for each in found], total)

    @post(_PATH, id="subaccounts.create", access=Area.SUBACCOUNTS, errors=(BadSubaccount,))
    async def create(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        settings: Settings,
        fields: NewSubaccount,
    ) -> OneSubaccount:
        """Open a subaccount."""
        hourly = settings.subaccount_hourly or None
        made = await db.write(
            subaccounts.create, clock.now(), vault, principal.account_id, fields.name, hourly
        )
        return OneSubaccount(_shown(made))

    @delete(
        _PATH,
        id="subaccounts.delete",
        access=Area.SUBACCOUNTS,
        errors=(BadSubaccount, SubaccountNotFound),
    )
    async def remove(
        self,
        request: Request[Any, Any, Any],
        principal: Principal,
        db: Db,
        clock: Clock,
        authenticator: Keyring,
    ) -> Done:
        """Delete the subaccount named by the header X-Mailgun-On-Behalf-Of, with all that it holds."""
        child = request.headers.get(ON_BEHALF_OF, "")
        if not child:
            raise BadSubaccount("Bad request")
        await db.write(subaccounts.close, clock.now(), principal.home_id, child)
        authenticator.forget()
        return Done("Subaccount successfully deleted")

    @get(
        _PATH + "/{subaccount_id:str}", id="subaccounts.get", access=Area.SUBACCOUNTS, errors=(ChildNotFound,)
    )
    async def show(self, principal: Principal, db: Db, subaccount_id: str) -> OneSubaccount:
        """Show a subaccount."""
        return OneSubaccount(_shown(await db.read(subaccounts.get, principal.account_id, subaccount_id)))

    @post(
        _PATH + "/{subaccount_id:str}/disable",
        id="subaccounts.disable",
        access=Area.SUBACCOUNTS,
        errors=(ChildNotFound, BadSubaccount),
    )
    async def disable(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        authenticator: Keyring,
        subaccount_id: str,
        fields: Disable,
    ) -> OneSubaccount:
        """Suspend a subaccount: it can neither send nor use the API."""
        reason = " ".join(part for part in (fields.reason, fields.note) if part)
        found = await db.write(subaccounts.disable, clock.now(), principal.account_id, subaccount_id, reason)
        authenticator.forget()
        return OneSubaccount(_shown(found))

    @post(
        _PATH + "/{subaccount_id:str}/enable",
        id="subaccounts.enable",
        access=Area.SUBACCOUNTS,
        errors=(ChildNotFound, BadSubaccount),
    )
    async def enable(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        authenticator: Keyring,
        subaccount_id: str,
    ) -> OneSubaccount:
        """Let a suspended subaccount work again."""
        found = await db.write(subaccounts.enable, clock.now(), principal.account_id, subaccount_id)
        authenticator.forget()
        return OneSubaccount(_shown(found))

    @put(
        _PATH + "/{subaccount_id:str}/features",
        id="subaccounts.set_features",
        access=Area.SUBACCOUNTS,
        errors=(ChildNotFound, BadAccount),
    )
    async def set_features(
        self, principal: Principal, db: Db, clock: Clock, subaccount_id: str, fields: FeatureForm
    ) -> Features:
        """Switch features of a subaccount on or off."""
        child = await db.read(subaccounts.get, principal.account_id, subaccount_id)
        given = msgspec.structs.asdict(fields)
        return Features(await db.write(subaccounts.set_features, clock.now(), child.id, given))


def _shown(account: Account) -> Subaccount:
    return Subaccount(
        account.id,
        account.name,
        dates.gmt(account.created_at),
        dates.gmt(account.updated_at),
        account.status,
        subaccounts.shown_features(account.features),
    )


CONTROLLERS = (Subaccounts,)
