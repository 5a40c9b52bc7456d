"""Domains over HTTP."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from postwright.accounts import Area, Principal, RateLimited
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from .. import checks, dns, keys, service, setup
from ..dns import Installation
from ..errors import (
    BadDomain,
    BadPassword,
    DisabledStays,
    DomainNotFound,
    NameTaken,
    SandboxStays,
)
from ..keys import KeyRecord
from ..records import Domain
from ..schemas import (
    ChangeConnection,
    ChangeDomain,
    ChangePrefix,
    Connection,
    ConnectionChanged,
    ConnectionInfo,
    CreateDomain,
    DomainChanged,
    Domains,
    DomainShown,
    Done,
    ListDomains,
    RecordInfo,
    ShowDomain,
    info,
    record,
)

# What a new domain sends from is known above: addresses with commas, or a pool's id. Raises Refused.
AssignSource = Callable[[Write, int, Domain, str, str], None]
_SORTS = {
    "": ("created_at", True),
    "name": ("name", False),
    "name:asc": ("name", False),
    "name:desc": ("name", True),
}


class Collection(Controller):
    """The account's domains."""

    @get("/v4/domains", "/v3/domains", id="domains.list", access=Area.DOMAINS, errors=(BadDomain,))
    async def page(self, principal: Principal, db: Db, fields: ListDomains) -> Domains:
        """List domains, newest first unless sorted by name."""
        if fields.sort not in _SORTS:
            raise BadDomain("sort is not valid: name, name:asc or name:desc expected")
        if fields.state:
            service.parse_choice(fields.state, service.STATES, "state")
        total, found = await db.scan(
            service.page,
            principal.account_id,
            subaccounts=fields.include_subaccounts,
            state=fields.state,
            authority=fields.authority.lower(),
            search=fields.search.lower(),
            sort=_SORTS[fields.sort],
            skip=fields.skip,
            limit=fields.limit,
        )
        return Domains(total, [info(domain, principal.account_id) for domain in found])

    @post(
        "/v4/domains",
        "/v3/domains",
        id="domains.create",
        access=Area.DOMAINS,
        errors=(BadDomain, NameTaken, BadPassword),
    )
    async def create(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        settings: Settings,
        installation: Installation,
        assign_source: AssignSource,
        fields: CreateDomain,
    ) -> DomainChanged:
        """Create a domain with its DKIM key, and tell the DNS records it needs."""
        plan = await setup.plan(settings, fields)

        def make(tx: Write) -> Domain:
            made = service.create(tx, clock.now(), vault, principal.account_id, plan)
            if fields.ips or fields.pool_id:
                assign_source(tx, clock.now(), made, fields.ips, fields.pool_id)
            return made

        domain = await db.write(make)
        shown = await _shown(db, installation, domain, principal.account_id)
        return _changed("Domain DNS records have been created", shown)


class One(Controller):
    """One domain."""

    @get(
        "/v4/domains/{domain:str}",
        "/v3/domains/{domain:str}",
        id="domains.get",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def show(
        self, principal: Principal, domain: str, db: Db, installation: Installation, fields: ShowDomain
    ) -> DomainShown:
        """Show a domain and its DNS records as they were last found."""
        found = await db.read(service.need, principal.account_id, domain)
        return await _shown(db, installation, found, principal.account_id, with_dns=fields.with_dns)

    @put(
        "/v4/domains/{domain:str}",
        "/v3/domains/{domain:str}",
        id="domains.update",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadDomain, BadPassword),
    )
    async def change(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        installation: Installation,
        fields: ChangeDomain,
    ) -> DomainChanged:
        """Change a domain's settings; those left out stay as they are."""
        current = await db.read(service.need, principal.account_id, domain)
        values, password = await setup.changes(fields)
        if values.get("automatic_security", current.automatic_security) != current.automatic_security:
            raise BadDomain("use_automatic_sender_security can only be chosen when a domain is created")
        changed = await db.write(service.change, clock.now(), principal.account_id, domain, values, password)
        shown = await _shown(db, installation, changed, principal.account_id)
        return _changed("Domain has been updated", shown)

    @put(
        "/v4/domains/{domain:str}/verify",
        "/v3/domains/{domain:str}/verify",
        id="domains.verify",
        access=Area.DOMAINS,
        errors=(DomainNotFound, RateLimited),
    )
    async def verify(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        settings: Settings,
        installation: Installation,
    ) -> DomainChanged:
        """Look the DNS records up now; a domain with SPF and DKIM in place becomes active."""
        found = await db.read(service.need, principal.account_id, domain)
        seen = await checks.look(settings, installation, db, found)
        trusting = settings.trust_domains
        found = await db.write(checks.keep, clock.now(), seen, asked=True, trusting=trusting)
        shown = await _shown(db, installation, found, principal.account_id)
        return _changed("Domain DNS records have been updated", shown)

    @delete(
        "/v3/domains/{domain:str}",
        "/v4/domains/{domain:str}",
        id="domains.delete",
        access=Area.DOMAINS,
        errors=(DomainNotFound, SandboxStays, DisabledStays),
    )
    async def remove(self, principal: Principal, domain: str, db: Db, clock: Clock) -> Done:
        """Delete a domain; what it still holds elsewhere goes in the background."""
        await db.write(service.delete, clock.now(), principal.account_id, domain)
        return Done("Domain will be deleted in the background")


class DomainSettings(Controller):
    """Settings of a domain that have paths of their own."""

    @get(
        "/v3/domains/{domain:str}/connection",
        id="domains.connection",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def connection(self, principal: Principal, domain: str, db: Db) -> Connection:
        """Show how the domain's mail connects to receivers."""
        found = await db.read(service.need, principal.account_id, domain)
        both = ConnectionInfo(found.require_tls, found.skip_verification)
        return Connection(both.require_tls, both.skip_verification, both)

    @put(
        "/v3/domains/{domain:str}/connection",
        id="domains.connection.update",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def change_connection(
        self, principal: Principal, domain: str, db: Db, clock: Clock, fields: ChangeConnection
    ) -> ConnectionChanged:
        """Change how the domain's mail connects to receivers."""
        values = {key: value for key, value in msgspec.structs.asdict(fields).items() if value is not None}
        changed = await db.write(service.change, clock.now(), principal.account_id, domain, values, "")
        return ConnectionChanged(
            message="Domain connection settings have been updated, may take 10 minutes to fully propagate",
            require_tls=changed.require_tls,
            skip_verification=changed.skip_verification,
            require_tls_dashed=changed.require_tls,
            skip_verification_dashed=changed.skip_verification,
        )

    @put(
        "/v3/domains/{domain:str}/web_prefix",
        id="domains.web_prefix",
        access=Area.DOMAINS,
        errors=(DomainNotFound, BadDomain),
    )
    async def change_prefix(
        self, principal: Principal, domain: str, db: Db, clock: Clock, fields: ChangePrefix
    ) -> Done:
        """Change the host label of the domain's tracking links."""
        values = {"web_prefix": service.parse_label(fields.web_prefix, "web_prefix")}
        await db.write(service.change, clock.now(), principal.account_id, domain, values, "")
        return Done("Domain web prefix updated")


async def _shown(
    db: Db, installation: Installation, domain: Domain, account_id: str, *, with_dns: bool = True
) -> DomainShown:
    shown = DomainShown(
        domain=info(domain, account_id), use_automatic_sender_security=domain.automatic_security
    )
    if with_dns:
        held = await db.read(_keys, domain)
        shown.receiving_dns_records = _records(dns.receiving(installation, domain), domain, named=False)
        shown.sending_dns_records = _records(dns.sending(installation, domain, held), domain, named=True)
    return shown


def _keys(tx: Read, domain: Domain) -> list[KeyRecord]:
    return keys.records(tx, domain.account_id, domain.authority)


def _records(expected: list[dns.Expected], domain: Domain, *, named: bool) -> list[RecordInfo]:
    return [record(one, domain.checks, named=named) for one in expected]


def _changed(message: str, shown: DomainShown) -> DomainChanged:
    return DomainChanged(
        message=message, **{k: v for k, v in msgspec.structs.asdict(shown).items() if v is not UNSET}
    )


CONTROLLERS = (Collection, One, DomainSettings)
