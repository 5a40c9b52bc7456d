"""Tags of one domain over HTTP."""

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, put
from postwright.kernel.http.paging import pivot_links, url

from .. import schemas, service, store
from ..errors import BadTag, TagNotFound
from ..schemas import (
    Describe,
    Description,
    DomainLimit,
    DomainTag,
    Done,
    KeepTag,
    PageQuery,
    TagPage,
    TagQuery,
    Values,
)
from ..service import DOMAIN_LIMIT
from ..values import COUNTRIES, DEVICES, PROVIDERS

UPDATED = "Tag updated"
DELETED = "Tag deleted"
_PATH = "/v3/{domain:str}/tag"
_ERRORS = (BadTag, TagNotFound, DomainNotFound)


class DomainTags(Controller):
    """What a domain's messages are marked with."""

    @get("/v3/{domain:str}/tags", id="tags.domain.list", access=Area.TAGS, errors=(DomainNotFound,))
    async def page(self, tenant: DomainScope, db: Db, base_url: str, fields: PageQuery) -> TagPage:
        """List the tags by name."""
        turn = fields.turn(fields.tag.lower() or None)
        prefix = fields.prefix.lower()
        rows = await db.scan(store.page, tenant.account_id, tenant.domain_id, turn, prefix)
        address = url(base_url, "v3", tenant.name, "tags")
        repeated = {"prefix": fields.prefix} if fields.prefix else None
        links = pivot_links(address, turn, "tag", [row.tag for row in rows], repeated)
        return TagPage([schemas.domain_tag(row) for row in rows], links)

    @get(_PATH, id="tags.domain.get", access=Area.TAGS, errors=_ERRORS)
    async def one(self, tenant: DomainScope, db: Db, fields: TagQuery) -> DomainTag:
        """Show a tag."""
        return await _one(tenant, db, fields.tag)

    @put(_PATH, id="tags.domain.update", access=Area.TAGS, errors=_ERRORS)
    async def update(self, tenant: DomainScope, db: Db, fields: Describe) -> Done:
        """Describe a tag."""
        return await _update(tenant, db, fields.tag, fields.description)

    @put("/postwright/v1/domains/{domain:str}/tags", id="tags.domain.keep", access=Area.TAGS, errors=_ERRORS)
    async def keep(self, tenant: DomainScope, db: Db, clock: Clock, fields: KeepTag) -> Done:
        """Take over a tag of elsewhere, with when it was seen; one that is known gets the description."""
        await db.write(
            service.keep,
            (tenant.account_id, tenant.domain_id),
            fields.tag.strip(),
            fields.description,
            int(fields.first_seen or clock.now()),
            int(fields.last_seen or clock.now()),
        )
        return Done(UPDATED)

    @delete(_PATH, id="tags.domain.delete", access=Area.TAGS, errors=_ERRORS)
    async def remove(self, tenant: DomainScope, db: Db, fields: TagQuery) -> Done:
        """Delete a tag; what was counted for it stays counted."""
        return await _remove(tenant, db, fields.tag)

    @get(
        "/v3/domains/{domain:str}/limits/tag",
        id="tags.domain.limit",
        access=Area.TAGS,
        errors=(DomainNotFound,),
    )
    async def limit(self, tenant: DomainScope, db: Db) -> DomainLimit:
        """Show how many tags the domain may have and has."""
        count = await db.scan(store.count, tenant.account_id, tenant.domain_id)
        return DomainLimit(tenant.domain_id, DOMAIN_LIMIT, count)

    @get(
        "/v3/domains/{domain:str}/tag/devices",
        id="tags.domain.devices",
        access=Area.TAGS,
        errors=(DomainNotFound,),
    )
    async def devices(self, tenant: DomainScope) -> Values:
        """List the devices that figures of a tag can be asked for by."""
        return Values(list(DEVICES))

    @get(
        "/v3/domains/{domain:str}/tag/providers",
        id="tags.domain.providers",
        access=Area.TAGS,
        errors=(DomainNotFound,),
    )
    async def providers(self, tenant: DomainScope) -> Values:
        """List the providers that figures of a tag can be asked for by."""
        return Values(list(PROVIDERS))

    @get(
        "/v3/domains/{domain:str}/tag/countries",
        id="tags.domain.countries",
        access=Area.TAGS,
        errors=(DomainNotFound,),
    )
    async def countries(self, tenant: DomainScope) -> Values:
        """List the countries that figures of a tag can be asked for by."""
        return Values(list(COUNTRIES))


class DomainTagsByPath(Controller):
    """The older paths, which most clients still use."""

    @get(f"{_PATH}s/{{tag:str}}", id="tags.domain.get_by_path", access=Area.TAGS, errors=_ERRORS)
    async def one(self, tenant: DomainScope, tag: str, db: Db) -> DomainTag:
        """Show a tag."""
        return await _one(tenant, db, tag)

    @put(f"{_PATH}s/{{tag:str}}", id="tags.domain.update_by_path", access=Area.TAGS, errors=_ERRORS)
    async def update(self, tenant: DomainScope, tag: str, db: Db, fields: Description) -> Done:
        """Describe a tag."""
        return await _update(tenant, db, tag, fields.description)

    @delete(f"{_PATH}s/{{tag:str}}", id="tags.domain.delete_by_path", access=Area.TAGS, errors=_ERRORS)
    async def remove(self, tenant: DomainScope, tag: str, db: Db) -> Done:
        """Delete a tag; what was counted for it stays counted."""
        return await _remove(tenant, db, tag)


async def _one(tenant: DomainScope, db: Db, tag: str) -> DomainTag:
    found = await db.read(service.need, tenant.account_id, tenant.domain_id, _given(tag))
    return schemas.domain_tag(found)


async def _update(tenant: DomainScope, db: Db, tag: str, description: str) -> Done:
    await db.write(service.change, tenant.account_id, tenant.domain_id, _given(tag), description)
    return Done(UPDATED)


async def _remove(tenant: DomainScope, db: Db, tag: str) -> Done:
    await db.write(service.remove, tenant.account_id, tenant.domain_id, _given(tag))
    return Done(DELETED)


def _given(tag: str) -> str:
    if not tag.strip():
        raise BadTag("tag parameter is missing")
    return tag
