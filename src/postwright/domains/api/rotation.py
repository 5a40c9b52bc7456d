"""Rotation of keys over HTTP, and the zone where they lie."""

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Raw, get, post, put
from postwright.kernel.http.paging import position, token_links, url
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from .. import dns, keys, rotation, service, zone
from ..dns import Installation
from ..errors import BadRotation, NothingRotates, NotTheOperator
from ..rotation import Rotator, Turn
from ..schemas import Done
from ..schemas.keys import (
    ChangeRotation,
    ListZone,
    RotatingDomain,
    RotatingRecord,
    Rotation,
    ZonePage,
    ZonePlace,
    ZoneRecordInfo,
)

ZONE_PAGE = 1000  # records that are read at once for the zone file


class Rotations(Controller):
    """Automatic sender security: keys that take turns."""

    @put(
        "/v1/dkim_management/domains/{domain:str}/rotation",
        id="domains.rotation.update",
        access=Area.DOMAINS,
        errors=(BadRotation, NothingRotates),
    )
    async def change(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        installation: Installation,
        fields: ChangeRotation,
    ) -> Rotation:
        """Turn the rotation of a domain's keys on or off, and say how often they change."""
        interval = rotation.parse_interval(fields.rotation_interval) if fields.rotation_interval else None
        name = service.lookup_name(domain)
        change = (principal.account_id, name, fields.rotation_enabled, interval)
        turn = await db.write(rotation.configure, clock.now(), *change)
        held = await db.read(keys.records, turn.domain.account_id, turn.domain.authority)
        records = [dns.key_record(installation, key) for key in held if key.code]
        return Rotation(_shown(turn, records, next((key.code for key in held if key.code), "")))

    @post(
        "/v1/dkim_management/domains/{domain:str}/rotate",
        id="domains.rotation.rotate",
        access=Area.DOMAINS,
        errors=(BadRotation, NothingRotates),
    )
    async def rotate(
        self, principal: Principal, domain: str, db: Db, clock: Clock, settings: Settings, vault: Vault
    ) -> Done:
        """Change the key that signs as soon as the next one can be found by receivers."""
        name = service.lookup_name(domain)
        domain_id = await db.write(rotation.want, clock.now(), principal.account_id, name)
        await Rotator(settings, db, clock, vault).step(domain_id)
        return Done("ok")


class Zone(Controller):
    """The zone that customers' records lead to, for whoever publishes it."""

    @get("/postwright/v1/dkim/records", id="dkim_zone.list", access=Area.OPERATIONS, errors=(NotTheOperator,))
    async def records(
        self, principal: Principal, db: Db, installation: Installation, base_url: str, fields: ListZone
    ) -> ZonePage:
        """List the TXT records of the zone of keys that rotate, as they have to be published."""
        place = position(fields.page, ZonePlace) if fields.page else ZonePlace()
        after = (place.code, place.selector)
        found = await db.scan(zone.page, principal.account_id, installation, after, fields.limit)
        following = ZonePlace(*found[-1].at) if found else place
        links = token_links(
            url(base_url, "postwright", "v1", "dkim", "records"),
            first=ZonePlace(),
            next=following,
            previous=ZonePlace(),
            last=following,
        )
        items = [
            ZoneRecordInfo(each.name, "TXT", rotation.TTL_SECONDS, each.value, each.domain) for each in found
        ]
        return ZonePage(installation.dkim_zone, items, links)

    @get("/postwright/v1/dkim/zone", id="dkim_zone.file", access=Area.OPERATIONS, errors=(NotTheOperator,))
    async def file(self, principal: Principal, db: Db, installation: Installation) -> Raw:
        """Give the same records as lines of a zone file, to be included in one."""
        lines: list[str] = []
        after = ("", "")
        while found := await db.scan(zone.page, principal.account_id, installation, after, ZONE_PAGE):
            lines += map(zone.line, found)
            after = found[-1].at
        return Raw("".join(lines).encode(), "text/plain; charset=utf-8")


def _shown(turn: Turn, records: list[dns.Expected], code: str) -> RotatingDomain:
    return RotatingDomain(
        id=turn.domain.id,
        account_id=turn.domain.account_id,
        sid=code,
        name=turn.domain.name,
        state=rotation.rotation_state(turn.domain),
        active_selector=turn.signs.selector if turn.signs else "",
        rotation_enabled="true" if turn.rotation.enabled else "false",
        rotation_interval=rotation.show_interval(turn.rotation.interval),
        records=[
            RotatingRecord(
                each.name,
                each.record_type,
                "DKIM",
                each.value,
                "Points to the key that we keep for the domain",
            )
            for each in records
        ],
    )


CONTROLLERS = (Rotations, Zone)
