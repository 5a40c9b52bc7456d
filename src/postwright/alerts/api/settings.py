"""Who is told of what, over HTTP."""

from postwright.accounts import Area, Principal, Role
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.outgoing import Outgoing
from postwright.kernel.secrets import Vault

from .. import schemas, service
from ..errors import AlertNotFound, BadAlert, NoSlack
from ..records import TYPES, Targets
from ..schemas import SettingIn, SettingOut, Settings, SlackOut, Types, WebhookKey
from ..store import settings as store

_PATH = "/v1/alerts/settings"
_WRITERS = (Role.ADMIN, Role.DEVELOPER)


class AlertSettings(Controller):
    """What people are told of, and how."""

    @get("/v1/alerts/events", id="alerts.settings.event_types", access=Area.ACCOUNT)
    async def types(self) -> Types:
        """List what one can be told of."""
        return Types(list(TYPES))

    @get(_PATH, id="alerts.settings.get", access=Area.ACCOUNT)
    async def show(self, principal: Principal, db: Db, vault: Vault) -> Settings:
        """List who is told of what, and the keys of the channels."""
        found = await db.read(store.of_account, principal.account_id)
        key, slack = "", None
        if principal.role in _WRITERS:
            key = await db.read(service.signing_key, principal.account_id, vault)
            key = key or await db.write(service.ensure_key, principal.account_id, vault)
            slack = await db.read(service.slack, principal.account_id, vault)
        return Settings(
            [schemas.shown(each) for each in found],
            WebhookKey(key),
            SlackOut(slack.token, slack.team_id, slack.team_name, slack.scope)
            if slack
            else SlackOut("", None, None, None),
        )

    @post(
        f"{_PATH}/events", id="alerts.settings.events.create", access=Area.ACCOUNT, errors=(BadAlert, NoSlack)
    )
    async def create(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        outgoing: Outgoing,
        fields: SettingIn,
    ) -> SettingOut:
        """Let somebody be told of a type of event; a URL must answer 200 to a GET."""
        kind, targets = await _checked(principal, db, vault, outgoing, fields)
        made = await db.write(service.add, clock.now(), principal.account_id, kind, fields.channel, targets)
        return schemas.shown(made)

    @put(
        f"{_PATH}/events/{{id:str}}",
        id="alerts.settings.events.update",
        access=Area.ACCOUNT,
        errors=(BadAlert, AlertNotFound, NoSlack),
    )
    async def update(
        self, principal: Principal, id: str, db: Db, vault: Vault, outgoing: Outgoing, fields: SettingIn
    ) -> SettingOut:
        """Change who is told of what; what was put out of use is used again."""
        await db.read(service.need, principal.account_id, id)
        kind, targets = await _checked(principal, db, vault, outgoing, fields)
        made = await db.write(service.change, principal.account_id, id, kind, fields.channel, targets)
        return schemas.shown(made)

    @delete(
        f"{_PATH}/events/{{id:str}}",
        id="alerts.settings.events.delete",
        access=Area.ACCOUNT,
        status=204,
        errors=(AlertNotFound,),
    )
    async def remove(self, principal: Principal, id: str, db: Db) -> None:
        """Tell nobody by this setting any more."""
        await db.write(service.remove, principal.account_id, id)

    @put(f"{_PATH}/webhooks/signing_key", id="alerts.settings.regenerate_signing_key", access=Area.ACCOUNT)
    async def regenerate(self, principal: Principal, db: Db, vault: Vault) -> WebhookKey:
        """Sign alerts with another key from now on."""
        return WebhookKey(await db.write(service.replace_key, principal.account_id, vault))


async def _checked(
    principal: Principal, db: Db, vault: Vault, outgoing: Outgoing, fields: SettingIn
) -> tuple[str, Targets]:
    kind = service.checked_type(fields.event_type)
    if fields.channel == "slack":
        await db.read(service.need_slack, principal.account_id, vault)
    return kind, await service.checked(outgoing, fields.channel, fields.settings or Targets())
