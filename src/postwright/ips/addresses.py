"""The rules of addresses: who has which, and how they are handed out."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from postwright.kernel.db import Read, Write
from postwright.kernel.settings import Settings

from .errors import BadIp, FeatureOff, IpNotFound, NoMoreIps
from .records import Declared, Feature, SourceIp
from .store import addresses as store
from .store import pools

BAND_LENGTH = 64
SETTINGS, COMMAND = "settings", "command"


def parse(text: str) -> str:
    """An address as it is stored. Raises BadIp."""
    try:
        return str(ip_address(text.strip()))
    except ValueError as wrong:
        raise BadIp(f"{text[:64]} is not a valid IP address") from wrong


def declared(settings: Settings) -> list[Declared]:
    """The addresses that the settings declare."""
    return [
        Declared(parse(address), ehlo, "shared" not in marks, "free" in marks, marks.get("band", ""))
        for (address, ehlo), marks in zip(settings.sources(), settings.source_marks(), strict=True)
    ]


def declare(
    tx: Write, now: int, account_id: str, declared: Sequence[Declared], origin: str = SETTINGS
) -> None:
    """Take over what the operator declares; dedicated addresses that are not `free` are the account's.

    Those of the settings that are there no more are used no more, and come back as they were.
    """
    had = {each.address: each for each in store.all_ips(tx)}
    before = dict(had)
    for number, each in enumerate(declared):
        owner = account_id if each.dedicated and not each.free else ""
        values = {
            "address": each.address,
            "ehlo": each.ehlo,
            "account_id": owner,
            "dedicated": each.dedicated,
            "band": each.band,
            "enabled": True,
            "origin": origin,
            "pool_id": "",
            "created_at": now + number,  # addresses keep the order of their declaration
            "pool_changed_at": 0,
            "domains_changed_at": 0,
        }
        found = had.pop(each.address, None)
        if found is None:
            store.put(tx, values, [])
        elif (found.ehlo, found.enabled) != (each.ehlo, True) or (each.band and each.band != found.band):
            store.set_ips(
                tx,
                [each.address],
                {"ehlo": each.ehlo, "enabled": True, "band": each.band or found.band},
            )
    gone = [each.address for each in had.values() if each.origin == origin == SETTINGS and each.enabled]
    if gone:
        store.set_ips(tx, gone, {"enabled": False})
    if gone or {each.address: each for each in store.all_ips(tx)} != before:
        store.changed(tx)


def remove(tx: Write, address: str) -> None:
    """Forget an address that was declared by command. Raises IpNotFound, BadIp."""
    found = store.one(tx, address)
    if found is None:
        raise IpNotFound
    if found.origin == SETTINGS and found.enabled:
        raise BadIp(f"{address} is declared in the settings: take it out of POSTWRIGHT_SOURCE_IPS")
    store.remove(tx, address)
    store.changed(tx)


def need(tx: Read, account_id: str, address: str) -> SourceIp:
    """An address that the account may use. Raises IpNotFound, BadIp."""
    found = store.mine(tx, account_id, parse(address))
    if found is None:
        raise IpNotFound
    return found


def need_dedicated(tx: Read, account_id: str, address: str) -> SourceIp:
    """A dedicated address of the account's own. Raises IpNotFound, BadIp."""
    found = need(tx, account_id, address)
    if not found.dedicated:
        raise BadIp(f"IP {found.address} is not a dedicated IP")
    if found.account_id != account_id:
        raise BadIp(f"IP {found.address} belongs to the parent account")
    return found


def usable(tx: Read, account_id: str, address: str) -> bool:
    """Whether a message of the account may ask for an address."""
    found = store.mine(tx, account_id, address)
    return found is not None and found.enabled


def pool_usable(tx: Read, account_id: str, pool_id: str) -> bool:
    """Whether a message of the account may ask for a pool."""
    return pools.pool(tx, account_id, pool_id) is not None


def allow(tx: Read, account_id: str, feature: Feature) -> None:
    """Raise FeatureOff when the account may not use a feature."""
    if feature in store.hidden(tx, account_id):
        raise FeatureOff(feature)


def quota(tx: Read, account_id: str, most: int) -> tuple[int, int]:
    """How many dedicated addresses the account may still ask for, and how many shared ones there are."""
    free = len(store.free(tx))
    left = max(0, most - store.count_owned(tx, account_id))
    shared = sum(1 for each in store.all_ips(tx) if not each.dedicated and each.enabled)
    return min(free, left), shared


def request(tx: Write, account_id: str, most: int) -> str:
    """Give the account one more dedicated address. Raises NoMoreIps."""
    if quota(tx, account_id, most)[0]:
        for address in store.free(tx):
            if store.take_free(tx, account_id, address):
                store.changed(tx)
                return address
    raise NoMoreIps


def set_band(tx: Write, account_id: str, address: str, band: str) -> None:
    """Put a dedicated address into a band. Raises IpNotFound, BadIp, FeatureOff."""
    allow(tx, account_id, Feature.BANDS)
    put_in_band(tx, need_dedicated(tx, account_id, address).address, band)


def put_in_band(tx: Write, address: str, band: str) -> None:
    """Put an address into a band. Raises IpNotFound, BadIp."""
    name = band.strip()
    if not name:
        raise BadIp("ip_band parameter is missing")
    if len(name) > BAND_LENGTH or not name.isprintable():
        raise BadIp(f"ip_band is not valid: at most {BAND_LENGTH} printable characters expected")
    if not store.set_ips(tx, [address], {"band": name}):
        raise IpNotFound
    store.changed(tx)


def assignable(ips: Iterable[SourceIp], account_id: str, warming: frozenset[str]) -> list[str]:
    """Those addresses that could join a pool."""
    return [
        each.address
        for each in ips
        if each.dedicated
        and each.enabled
        and each.account_id == account_id
        and not each.pool_id
        and each.address not in warming
    ]
