"""The IP allowlist over HTTP."""

import msgspec

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put

from .. import allowlist
from ..errors import BadAddress
from ..records import Principal
from ..roles import Area
from ..sessions import Keyring
from ..store import allowlist as store

_PATH = "/v2/ip_whitelist"


class Address(msgspec.Struct):
    """An address or network."""

    ip_address: str
    description: str


class Addresses(msgspec.Struct):
    """The whole list. An empty one lets everybody in."""

    addresses: list[Address]


class Entry(msgspec.Struct, kw_only=True):
    """An address or network (CIDR), and what it is."""

    address: str
    description: str = ""


class Gone(msgspec.Struct, kw_only=True):
    """The address to remove."""

    address: str = ""


class IpAllowlist(Controller):
    """From where the account's keys and SMTP logins work; sessions of the panel are exempt."""

    @get(_PATH, id="ip_allowlist.list", access=Area.IP_ALLOWLIST)
    async def page(self, principal: Principal, db: Db) -> Addresses:
        """List the addresses and networks."""
        return await _all(db, principal)

    @post(_PATH, id="ip_allowlist.add", access=Area.IP_ALLOWLIST, errors=(BadAddress,))
    async def add(
        self, principal: Principal, db: Db, clock: Clock, authenticator: Keyring, fields: Entry
    ) -> Addresses:
        """Add an address or network. From then on, keys and SMTP logins work from what is listed only."""
        await db.write(allowlist.add, clock.now(), principal.account_id, fields.address, fields.description)
        authenticator.forget()
        return await _all(db, principal)

    @put(_PATH, id="ip_allowlist.update", access=Area.IP_ALLOWLIST, errors=(BadAddress,))
    async def update(self, principal: Principal, db: Db, fields: Entry) -> Addresses:
        """Change the description of an address or network."""
        await db.write(allowlist.change, principal.account_id, fields.address, fields.description)
        return await _all(db, principal)

    @delete(_PATH, id="ip_allowlist.delete", access=Area.IP_ALLOWLIST, errors=(BadAddress,))
    async def remove(self, principal: Principal, db: Db, authenticator: Keyring, fields: Gone) -> Addresses:
        """Remove an address or network."""
        await db.write(allowlist.remove, principal.account_id, fields.address)
        authenticator.forget()
        return await _all(db, principal)


async def _all(db: Db, principal: Principal) -> Addresses:
    found = await db.read(store.entries, principal.account_id)
    return Addresses([Address(address, description) for address, description in found])


CONTROLLERS = (IpAllowlist,)
