"""Which addresses an account's keys and SMTP logins work from; an empty list means from everywhere."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from postwright.kernel.db import Db, Read, Write

from .errors import BadAddress
from .fresh import Fresh
from .store import allowlist as store

Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]

MAX_ENTRIES = 500  # of one account, ours: they are looked through at every request
MAX_DESCRIPTION = 500


def networks(tx: Read, account_id: str) -> Networks:
    """The networks on the list."""
    return tuple(ip_network(address) for address, _ in store.entries(tx, account_id))


def admits(listed: Networks, peer: str) -> bool:
    """Whether a request from `peer` may pass."""
    if not listed:
        return True
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in listed)


def add(tx: Write, now: int, account_id: str, text: str, description: str) -> None:
    """Put an address or network on the list. Raises BadAddress."""
    address = _canonical(text)
    if store.count(tx, account_id) >= MAX_ENTRIES:
        raise BadAddress(f"Only {MAX_ENTRIES} addresses are allowed")
    store.put(tx, account_id, address, _description(description), now)
    tx.describe(after={"address": address, "description": description})


def change(tx: Write, account_id: str, text: str, description: str) -> None:
    """Give an entry another description. Raises BadAddress."""
    if not store.describe(tx, account_id, _canonical(text), _description(description)):
        raise BadAddress("IP not found")


def remove(tx: Write, account_id: str, text: str) -> None:
    """Take an entry off the list. Raises BadAddress."""
    if not text.strip():
        raise BadAddress("IP address can not be blank")
    address = _canonical(text)
    if not store.remove(tx, account_id, address):
        raise BadAddress("IP not found")
    tx.describe(before={"address": address})


class Allowlists:
    """The lists of accounts, at most a second old; for doors that know no keys."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._lists = Fresh(self._read)

    async def admits(self, account_id: str, peer: str) -> bool:
        """Whether somebody at `peer` may act for an account."""
        return admits(await self._lists.get(account_id) or (), peer)

    async def _read(self, account_id: str) -> Networks | None:
        return await self._db.read(networks, account_id)


def _canonical(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as wrong:
        raise BadAddress("Invalid IP Address or CIDR") from wrong
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION or "\0" in text:
        raise BadAddress(f"The description must have at most {MAX_DESCRIPTION} characters")
    return text
