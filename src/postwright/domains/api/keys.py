"""DKIM keys over HTTP."""

import asyncio

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.http.paging import BadToken, Links, position, token_links, url
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from .. import checks, dns, keys, service
from ..dns import Installation
from ..errors import BadDomain, BadKey, DomainNotFound, KeyNotFound
from ..keys import KeyPair, KeyRecord
from ..records import Check
from ..schemas import Done, record
from ..schemas.keys import (
    AuthorityChanged,
    AuthorityKeys,
    ChangeAuthority,
    ChangeSelector,
    DeleteKey,
    KeyChanged,
    KeyInfo,
    KeyPlace,
    Keys,
    ListKeys,
    NewKey,
    key_info,
)


class AllKeys(Controller):
    """The DKIM keys of all domains of the account."""

    @get("/v1/dkim/keys", id="domains.keys.list_all", access=Area.DOMAINS)
    async def page(
        self, principal: Principal, db: Db, installation: Installation, base_url: str, fields: ListKeys
    ) -> Keys:
        """List DKIM keys by signing domain and selector; of one domain or selector when these are given."""
        place = _place(fields.page)
        found = await db.scan(
            keys.page,
            principal.account_id,
            authority=service.lookup_name(fields.signing_domain),
            selector=fields.selector.strip(),
            after=place.after,
            backwards=place.backwards,
            limit=fields.limit,
        )
        return Keys([key_info(installation, key) for key in found], _links(base_url, fields, place, found))

    @post(
        "/v1/dkim/keys",
        id="domains.keys.create",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadDomain, BadKey),
    )
    async def create(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        installation: Installation,
        fields: NewKey,
    ) -> KeyInfo:
        """Make or import a DKIM key; it signs once its record is published and it is activated."""
        authority = service.lookup_name(fields.signing_domain)
        selector = service.parse_selector(fields.selector, "selector")
        await db.read(keys.need_authority, principal.account_id, authority)  # before the slow making of a key
        pair = await _pair(fields)
        made = await db.write(
            keys.create, vault, clock.now(), principal.account_id, authority, selector, pair
        )
        return key_info(installation, made)

    @delete("/v1/dkim/keys", id="domains.keys.delete", access=Area.DOMAINS, errors=(KeyNotFound, BadKey))
    async def remove(self, principal: Principal, db: Db, fields: DeleteKey) -> Done:
        """Delete a DKIM key for good; one that signs must remain."""
        authority, selector = fields.names()
        await db.write(keys.delete, principal.account_id, service.lookup_name(authority), selector)
        return Done("success")


class KeysOfAuthority(Controller):
    """The DKIM keys of one domain."""

    @get(
        "/v4/domains/{domain:str}/keys", id="domains.keys.list", access=Area.DOMAINS, errors=(DomainNotFound,)
    )
    async def all(
        self, principal: Principal, domain: str, db: Db, installation: Installation
    ) -> AuthorityKeys:
        """List all DKIM keys of a domain, whether they sign or not."""
        authority = service.lookup_name(domain)
        await db.read(keys.need_authority, principal.account_id, authority)
        found = await db.read(keys.records, principal.account_id, authority)
        return AuthorityKeys([key_info(installation, key) for key in found])

    @put(
        "/v4/domains/{domain:str}/keys/{selector:str}/activate",
        id="domains.keys.activate",
        access=Area.DOMAINS,
        errors=(KeyNotFound, BadKey),
    )
    async def activate(
        self,
        principal: Principal,
        domain: str,
        selector: str,
        db: Db,
        settings: Settings,
        installation: Installation,
    ) -> KeyChanged:
        """Let a key sign, by turns with the others that do; DNS must show it."""
        authority = service.lookup_name(domain)
        key = await db.read(keys.need, principal.account_id, authority, selector)
        check: Check | None = None
        if not settings.trust_domains:
            check = await dns.check_key(settings, installation, key)
            if check.valid == "unknown":
                raise BadKey("domain key cannot be activated: DNS could not be asked, try again")
            if check.valid != "valid":
                raise BadKey("domain key cannot be activated: its DNS record is not valid")
        change = (principal.account_id, authority, selector)
        await db.write(keys.set_active, *change, active=True, check=check)
        return KeyChanged("domain key activated", authority, selector, active=True)

    @put(
        "/v4/domains/{domain:str}/keys/{selector:str}/deactivate",
        id="domains.keys.deactivate",
        access=Area.DOMAINS,
        errors=(KeyNotFound, BadKey),
    )
    async def deactivate(self, principal: Principal, domain: str, selector: str, db: Db) -> KeyChanged:
        """Let a key no longer sign; mail of a domain without any key leaves unsigned."""
        authority = service.lookup_name(domain)
        await db.write(keys.set_active, principal.account_id, authority, selector, active=False)
        return KeyChanged("domain key deactivated", authority, selector, active=False)


class DkimOfDomain(Controller):
    """With which key a domain's mail is signed."""

    @put(
        "/v3/domains/{domain:str}/dkim_authority",
        id="domains.dkim.set_authority",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadDomain),
    )
    async def authority(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        vault: Vault,
        settings: Settings,
        installation: Installation,
        fields: ChangeAuthority,
    ) -> AuthorityChanged:
        """Let a domain sign as itself, or as the domain above it that the account has."""
        found = await db.read(service.need, principal.account_id, domain)
        pair = await asyncio.to_thread(keys.new_key, min(keys.BITS))
        change = (principal.account_id, found.name, fields.own, pair)
        changed = await db.write(service.set_authority, vault, clock.now(), *change)
        if changed:
            await _look(db, clock, settings, installation, principal.account_id, found.name)
        found = await db.read(service.need, principal.account_id, found.name)
        held = await db.read(keys.records, found.account_id, found.authority)
        return AuthorityChanged(
            message=f"Domain DKIM authority has {'' if changed else 'not '}been changed",
            sending_dns_records=[
                record(each, found.checks, named=True) for each in dns.sending(installation, found, held)
            ],
            changed=changed,
        )

    @put(
        "/v3/domains/{domain:str}/dkim_selector",
        id="domains.dkim.set_selector",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadDomain, KeyNotFound, BadKey),
    )
    async def selector(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        vault: Vault,
        settings: Settings,
        installation: Installation,
        fields: ChangeSelector,
    ) -> Done:
        """Give the key that signs a domain's mail another selector; its record has to be published anew."""
        found = await db.read(service.need, principal.account_id, domain)
        if fields.dkim_selector:
            selector = service.parse_selector(fields.dkim_selector)
            change = (vault, clock.now(), found.account_id, found.authority, selector)
            if await db.write(keys.rename, *change):
                await _look(db, clock, settings, installation, principal.account_id, found.name)
        return Done("DKIM selector changed")


async def _look(
    db: Db, clock: Clock, settings: Settings, installation: Installation, account_id: str, name: str
) -> None:
    """What DNS says about a domain's new key: until it is there, nothing is signed."""
    if settings.trust_domains:
        return
    domain = await db.read(service.need, account_id, name)
    seen = await checks.look(settings, installation, db, domain)
    await db.write(checks.keep, clock.now(), seen, asked=False, trusting=False)


async def _pair(fields: NewKey) -> KeyPair:
    if fields.pem:
        return await asyncio.to_thread(keys.read_pem, fields.pem)
    if fields.bits not in keys.BITS:
        raise BadKey("bits is not valid: 1024 or 2048 expected")
    return await asyncio.to_thread(keys.new_key, fields.bits)


def _place(page: str) -> KeyPlace:
    try:
        return position(page, KeyPlace) if page else KeyPlace()
    except BadToken:
        # The official client's own example asks for a page called `string` and expects the list.
        return KeyPlace()


def _links(base_url: str, fields: ListKeys, place: KeyPlace, found: list[KeyRecord]) -> Links:
    if found:
        ends = [(key.authority, key.selector) for key in (found[-1], found[0])]
        following, previous = KeyPlace(ends[0]), KeyPlace(ends[1], True)
    elif place.backwards:
        following, previous = KeyPlace(), place
    else:
        following, previous = place, KeyPlace(None, True)
    links = token_links(
        url(base_url, "v1", "dkim", "keys"),
        first=KeyPlace(),
        next=following,
        previous=previous,
        last=KeyPlace(None, True),
    )
    repeated = {"limit": fields.limit, "signing_domain": fields.signing_domain, "selector": fields.selector}
    more = url("", query={name: value for name, value in repeated.items() if value}).replace("?", "&")
    return Links(*(f"{link}{more}" for link in (links.first, links.next, links.previous, links.last)))


CONTROLLERS = (AllKeys, KeysOfAuthority, DkimOfDomain)
