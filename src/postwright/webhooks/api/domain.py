"""Webhooks of a domain."""

import msgspec

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable

from .. import service
from ..errors import BadField, BadWebhook, WebhookConflict, WebhookNotFound
from ..schemas import (
    NewWebhook,
    OneWebhook,
    SetWebhook,
    Tested,
    TestWebhook,
    UrlFilter,
    UrlTypes,
    WebhookChanged,
    Webhooks,
    all_shown,
    sample,
    shown,
)
from ..sender import WebhookSender
from ..service import Level

_ERRORS = (BadWebhook, WebhookConflict, WebhookNotFound, DomainNotFound)


class ByType(Controller):
    """The URLs that each type of event of a domain is told to."""

    @get(
        "/v3/domains/{domain:str}/webhooks",
        id="webhooks.domain.list",
        access=Area.WEBHOOKS,
        errors=(DomainNotFound,),
    )
    async def page(self, tenant: DomainScope, db: Db) -> Webhooks:
        """List the URLs of every type that has any."""
        return all_shown(await db.read(service.urls, _level(tenant)))

    @post(
        "/v3/domains/{domain:str}/webhooks",
        id="webhooks.domain.create",
        access=Area.WEBHOOKS,
        errors=_ERRORS,
    )
    async def create(
        self, tenant: DomainScope, db: Db, clock: Clock, outgoing: Outgoing, fields: NewWebhook
    ) -> WebhookChanged:
        """Tell a type of event to further URLs."""
        kind = service.parse_type(fields.id)
        if kind is None:
            raise BadWebhook(f"invalid webhook type '{fields.id[:100]}'")
        urls = await _checked(outgoing, fields.url)
        told = await db.write(service.add, clock.now(), _level(tenant), urls, [kind])
        return WebhookChanged("Webhook has been created", shown(told[kind]))

    @get(
        "/v3/domains/{domain:str}/webhooks/{kind:str}",
        id="webhooks.domain.get",
        access=Area.WEBHOOKS,
        errors=_ERRORS,
    )
    async def one(self, tenant: DomainScope, kind: str, db: Db) -> OneWebhook:
        """Show the URLs of a type."""
        urls = (await db.read(service.urls, _level(tenant))).get(_kind(kind))
        if not urls:
            raise WebhookNotFound
        return OneWebhook(shown(urls))

    @put(
        "/v3/domains/{domain:str}/webhooks/{kind:str}",
        id="webhooks.domain.update",
        access=Area.WEBHOOKS,
        errors=_ERRORS,
    )
    async def change(
        self, tenant: DomainScope, kind: str, db: Db, clock: Clock, outgoing: Outgoing, fields: SetWebhook
    ) -> WebhookChanged:
        """Tell a type to these URLs instead of those it had."""
        name = _kind(kind)
        urls = await _checked(outgoing, fields.url)
        await db.write(service.replace, clock.now(), _level(tenant), name, urls)
        return WebhookChanged("Webhook has been updated", shown(urls))

    @delete(
        "/v3/domains/{domain:str}/webhooks/{kind:str}",
        id="webhooks.domain.delete",
        access=Area.WEBHOOKS,
        errors=_ERRORS,
    )
    async def remove(self, tenant: DomainScope, kind: str, db: Db) -> WebhookChanged:
        """Tell a type to nobody any more."""
        gone = await db.write(service.remove, _level(tenant), _kind(kind))
        return WebhookChanged("Webhook has been deleted", shown(gone))

    @put(
        "/v3/domains/{domain:str}/webhooks/{kind:str}/test",
        id="webhooks.domain.test",
        access=Area.WEBHOOKS,
        errors=_ERRORS,
    )
    async def test(
        self,
        tenant: DomainScope,
        kind: str,
        db: Db,
        clock: Clock,
        outgoing: Outgoing,
        webhook_sender: WebhookSender,
        fields: TestWebhook,
    ) -> Tested:
        """Send a made-up event, signed like a real one, and tell what the first receiver says."""
        name = _kind(kind)
        urls = fields.url or (await db.read(service.urls, _level(tenant))).get(name, [])
        if not urls:
            raise WebhookNotFound
        urls = await _checked(outgoing, urls)
        event = msgspec.json.encode(sample(name, tenant.name, tenant.account_id, clock.now()))
        try:
            body = await webhook_sender.body(tenant.account_id, None, event)
            result = await outgoing.post(urls[0], body, {"Content-Type": "application/json"})
        except (TargetRefused, TargetUnreachable) as wrong:
            raise BadWebhook(f"{urls[0][:500]}: {wrong}") from wrong
        return Tested(result.status, result.body[:1000].decode("utf-8", "replace"))


class ByUrl(Controller):
    """The same hooks by URL: one URL, the types it is told of."""

    @post("/v4/domains/{domain:str}/webhooks", id="webhooks.url.create", access=Area.WEBHOOKS, errors=_ERRORS)
    async def add(
        self, tenant: DomainScope, db: Db, clock: Clock, outgoing: Outgoing, fields: UrlTypes
    ) -> Webhooks:
        """Tell a URL of further types."""
        url, types = await _url_types(outgoing, fields)
        return all_shown(await db.write(service.add, clock.now(), _level(tenant), [url], types))

    @put("/v4/domains/{domain:str}/webhooks", id="webhooks.url.update", access=Area.WEBHOOKS, errors=_ERRORS)
    async def change(
        self, tenant: DomainScope, db: Db, clock: Clock, outgoing: Outgoing, fields: UrlTypes
    ) -> Webhooks:
        """Tell a URL of just these types."""
        url, types = await _url_types(outgoing, fields)
        return all_shown(await db.write(service.set_url, clock.now(), _level(tenant), url, types))

    @delete(
        "/v4/domains/{domain:str}/webhooks",
        id="webhooks.url.delete",
        access=Area.WEBHOOKS,
        errors=_ERRORS,
    )
    async def remove(self, tenant: DomainScope, db: Db, fields: UrlFilter) -> Webhooks:
        """Tell URLs of nothing any more."""
        gone = [url.strip() for text in fields.url for url in text.split(",") if url.strip()]
        if not gone:
            raise BadField("url", "missing or invalid url parameter")
        return all_shown(await db.write(service.remove_urls, _level(tenant), list(dict.fromkeys(gone))))


def _level(tenant: DomainScope) -> Level:
    return Level(tenant.account_id, tenant.domain_id)


def _kind(text: str) -> str:
    kind = service.parse_type(text)
    if kind is None:
        raise WebhookNotFound
    return kind


async def _checked(outgoing: Outgoing, urls: list[str]) -> list[str]:
    urls = list(dict.fromkeys(url.strip() for url in urls if url.strip()))
    if not urls:
        raise BadWebhook("url parameter is missing")
    if len(urls) > service.MAX_URLS:
        raise BadWebhook(f"at most {service.MAX_URLS} urls are allowed")
    for url in urls:
        await service.check_url(outgoing, url)
    return urls


async def _url_types(outgoing: Outgoing, fields: UrlTypes) -> tuple[str, list[str]]:
    url = fields.url.strip()
    if not url:
        raise BadField("url", "missing or invalid url parameter")
    types = []
    for text in (part.strip() for given in fields.event_types for part in given.split(",")):
        kind = service.parse_type(text)
        if kind is None:
            raise BadWebhook(f"invalid parameters: event_type '{text[:100]}' is invalid")
        types.append(kind)
    if not types:
        raise BadField("event_types", "missing or invalid event_types parameter")
    await service.check_url(outgoing, url, "invalid parameters: ")
    return url, list(dict.fromkeys(types))
