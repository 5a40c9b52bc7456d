"""The account itself over HTTP."""

from typing import Any

import msgspec

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, put

from .. import subaccounts
from ..errors import BadAccount
from ..records import Principal
from ..roles import Area
from ..schemas import Done


class UpdateAccount(msgspec.Struct, kw_only=True):
    """What to change. Timeouts of the panel's sessions are in seconds."""

    name: str | None = None
    absolute_session_timeout: int | None = None
    inactive_session_timeout: int | None = None
    logout_redirect_url: str | None = None
    absolute_timeout: int | None = None  # the names that the refusal gives them
    inactive_timeout: int | None = None


class FeatureForm(msgspec.Struct, kw_only=True):
    """Features, each `{"enabled": true}` or the same as JSON text.

    `sending` stops all mail of the account; the others belong to products that are not here, and switch nothing.
    """

    email_preview: Any = None
    inbox_placement: Any = None
    sending: Any = None
    validations: Any = None
    validations_bulk: Any = None


class Features(msgspec.Struct):
    """The features that are set."""

    features: dict[str, dict[str, bool]]


class AccountItself(Controller):
    """What an account says about itself."""

    @put("/v5/accounts", id="accounts.update", access=Area.ACCOUNT, errors=(BadAccount,))
    async def update(self, principal: Principal, db: Db, clock: Clock, fields: UpdateAccount) -> Done:
        """Change the account's name, and how long sessions of the panel last."""
        await db.write(
            subaccounts.update,
            clock.now(),
            principal.account_id,
            name=fields.name,
            absolute=fields.absolute_session_timeout or fields.absolute_timeout,
            inactive=fields.inactive_session_timeout or fields.inactive_timeout,
            logout_url=fields.logout_redirect_url,
        )
        return Done("Account info has been updated")

    @put("/v5/accounts/features", id="accounts.set_features", access=Area.ACCOUNT, errors=(BadAccount,))
    async def set_features(self, principal: Principal, db: Db, clock: Clock, fields: FeatureForm) -> Features:
        """Switch features of the account on or off."""
        given = msgspec.structs.asdict(fields)
        return Features(await db.write(subaccounts.set_features, clock.now(), principal.account_id, given))


CONTROLLERS = (AccountItself,)
