"""Webhooks of the account: objects with an id, told of the events of all its domains."""

import re

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.errors import Refused
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.outgoing import Outgoing

from .. import service
from ..errors import BadField, BadWebhook, WebhookConflict, WebhookNotFound
from ..schemas import AccountWebhook, HookCreated, HookInfo, HookList, IdFilter, IdsToDelete, info
from ..service import Level

_ID = re.compile(r"[0-9a-f]{24}")
_ERRORS = (BadField, BadWebhook, WebhookNotFound, WebhookConflict)


class BadIds(Refused):
    """The list of ids cannot be understood."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid parameter: webhook_ids {problem}")


class AccountHooks(Controller):
    """The account's webhooks."""

    @get("/v1/webhooks", id="webhooks.account.list", access=Area.WEBHOOKS, errors=(BadIds,))
    async def page(self, principal: Principal, db: Db, fields: IdFilter) -> HookList:
        """List the account's webhooks, all or those with the given ids."""
        wanted = None if fields.webhook_ids is None else _ids(fields.webhook_ids)
        found = await db.read(service.hooks, Level(principal.account_id))
        return HookList([info(hook) for hook in found if wanted is None or hook.id in wanted])

    @post("/v1/webhooks", id="webhooks.account.create", access=Area.WEBHOOKS, errors=_ERRORS)
    async def create(
        self, principal: Principal, db: Db, clock: Clock, outgoing: Outgoing, fields: AccountWebhook
    ) -> HookCreated:
        """Make a webhook of the account."""
        url, types = await _checked(outgoing, fields)
        made = await db.write(
            service.create, clock.now(), principal.account_id, url, types, fields.description or ""
        )
        return HookCreated(made)

    @delete(
        "/v1/webhooks",
        id="webhooks.account.delete_many",
        access=Area.WEBHOOKS,
        status=204,
        errors=(BadIds, *_ERRORS),
    )
    async def clear(self, principal: Principal, db: Db, fields: IdsToDelete) -> None:
        """Delete the webhooks with the given ids, or all."""
        if fields.webhook_ids is None and not fields.all:
            raise BadIds("or all is required")
        ids = None if fields.webhook_ids is None else _ids(fields.webhook_ids)
        await db.write(service.delete, principal.account_id, ids)


class OneAccountHook(Controller):
    """One webhook of the account."""

    @get("/v1/webhooks/{webhook_id:str}", id="webhooks.account.get", access=Area.WEBHOOKS, errors=_ERRORS)
    async def one(self, principal: Principal, webhook_id: str, db: Db) -> HookInfo:
        """Show a webhook."""
        return info(await db.read(service.one, principal.account_id, webhook_id))

    @put(
        "/v1/webhooks/{webhook_id:str}",
        id="webhooks.account.update",
        access=Area.WEBHOOKS,
        status=204,
        errors=_ERRORS,
    )
    async def change(
        self, principal: Principal, webhook_id: str, db: Db, outgoing: Outgoing, fields: AccountWebhook
    ) -> None:
        """Change a webhook's URL, types and description."""
        _known(webhook_id)
        url, types = await _checked(outgoing, fields)
        await db.write(service.change, principal.account_id, webhook_id, url, types, fields.description)

    @delete(
        "/v1/webhooks/{webhook_id:str}",
        id="webhooks.account.delete",
        access=Area.WEBHOOKS,
        status=204,
        errors=_ERRORS,
    )
    async def remove(self, principal: Principal, webhook_id: str, db: Db) -> None:
        """Delete a webhook."""
        _known(webhook_id)
        await db.write(service.delete, principal.account_id, [webhook_id])


def _known(webhook_id: str) -> None:
    if not _ID.fullmatch(webhook_id):
        raise BadField("webhook_id", "is not valid")


def _ids(text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",")]
    if not all(ids):
        raise BadIds("malformed webhook_ids parameter: empty values not allowed")
    if not all(map(_ID.fullmatch, ids)) or len(ids) > 1000:
        raise BadIds("malformed webhook_ids parameter: ids of 24 hex digits expected")
    return list(dict.fromkeys(ids))


async def _checked(outgoing: Outgoing, fields: AccountWebhook) -> tuple[str, list[str]]:
    url = fields.url.strip()
    if not url:
        raise BadField("url", "missing or invalid url parameter")
    if len(fields.description or "") > service.MAX_DESCRIPTION:
        raise BadField("description", f"at most {service.MAX_DESCRIPTION} characters expected")
    types: list[str] = []
    for text in (part.strip() for given in fields.event_types for part in given.split(",") if part.strip()):
        kind = service.parse_type(text)
        if kind is None:
            raise WebhookNotFound(f"event_type '{text[:100]}' is invalid")
        if kind in types:
            raise BadField("event_types", f"duplicate event types: '{text}'")
        types.append(kind)
    if not types:
        raise BadField("event_types", "missing or invalid event_types parameter")
    await service.check_url(outgoing, url)
    return url, types
