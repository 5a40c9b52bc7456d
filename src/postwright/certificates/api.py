"""Certificates over HTTP."""

import msgspec

from postwright import domains
from postwright.accounts import Area, Principal
from postwright.domains import Installation
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get, post, put
from postwright.kernel.http.paging import BadToken, Links, position, token_links, url
from postwright.kernel.settings import Settings

from . import service
from .errors import AlreadyThere, BadAlias, CertificateNotFound, InProgress, NotOffered
from .schemas import CertificatesPage, CertificatesQuery, Initiated, Place, Shown, Status, shown, status

_INITIATED = "Initiated x509 key pair generation"
_HINT = "this installation obtains no certificates: POSTWRIGHT_ACME_DIRECTORY is not set"


class TrackingCertificates(Controller):
    """Certificates of tracking hosts."""

    @post(
        "/v2/x509/{domain:str}",
        id="domains.certificate.create",
        access=Area.SECURE_TRACKING,
        status=202,
        errors=(CertificateNotFound, BadAlias, NotOffered, AlreadyThere),
    )
    async def create(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        settings: Settings,
        installation: Installation,
    ) -> Initiated:
        """Obtain a certificate for the tracking host of a domain, in the background."""
        host = await _may_order(principal, domain, db, settings, installation)
        await db.write(service.initiate, clock.now(), principal.account_id, host)
        return Initiated(_INITIATED, f"/v2/x509/{host}/status")

    @put(
        "/v2/x509/{domain:str}",
        id="domains.certificate.renew",
        access=Area.SECURE_TRACKING,
        status=202,
        errors=(CertificateNotFound, BadAlias, NotOffered, AlreadyThere, InProgress),
    )
    async def renew(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        settings: Settings,
        installation: Installation,
    ) -> Initiated:
        """Obtain another certificate for one that has expired or could not be had."""
        host = await _may_order(principal, domain, db, settings, installation)
        await db.write(service.regenerate, clock.now(), principal.account_id, host)
        return Initiated(_INITIATED, f"/v2/x509/{host}/status")

    @get(
        "/v2/x509/{domain:str}/status",
        id="domains.certificate.status",
        access=Area.SECURE_TRACKING,
        errors=(CertificateNotFound,),
    )
    async def show(self, principal: Principal, domain: str, db: Db, clock: Clock) -> Status:
        """Show how far the certificate of a tracking host is, and the certificate."""
        held = await db.read(service.show, principal.account_id, domain)
        return status(held, clock.now())


async def _may_order(
    principal: Principal, text: str, db: Db, settings: Settings, installation: Installation
) -> str:
    """The host that a certificate may be ordered for. Raises CertificateNotFound, NotOffered, BadAlias."""
    host, _ = await db.read(service.tracking_host, principal.account_id, text)
    if not settings.acme_directory:
        raise NotOffered(hint=_HINT)
    if not await domains.is_alias(settings, installation, host):
        raise BadAlias
    return host


class Certificates(Controller):
    """All certificates."""

    @get(
        "/postwright/v1/certificates",
        id="certificates.list",
        access=Area.SECURE_TRACKING,
        errors=(BadToken,),
    )
    async def page(
        self, principal: Principal, db: Db, clock: Clock, base_url: str, fields: CertificatesQuery
    ) -> CertificatesPage:
        """List the certificates of the account's hosts: state, issuer, end, and what last went wrong."""
        place = Place(limit=fields.limit)
        if fields.page:
            place = position(fields.page, Place)
        if not 0 < place.limit <= CertificatesQuery.most:
            raise BadToken
        now = clock.now()
        found = await db.scan(
            service.page, principal.account_id, after=place.a, before=place.b, limit=place.limit
        )
        items = [shown(held, now) for held in found]
        return CertificatesPage(items, _links(base_url, place, items))


def _links(base_url: str, place: Place, items: list[Shown]) -> Links:
    first = msgspec.structs.replace(place, a=None, b=None)
    following = msgspec.structs.replace(first, a=items[-1].host) if items else place
    previous = (
        msgspec.structs.replace(first, b=items[0].host) if items else msgspec.structs.replace(first, b="")
    )
    return token_links(
        url(base_url, "postwright", "v1", "certificates"),
        first=first,
        next=following,
        previous=previous,
        last=msgspec.structs.replace(first, b=""),
    )


CONTROLLERS = (TrackingCertificates, Certificates)
