"""Which of our addresses mail leaves from, and the name it introduces itself by."""

import hashlib
import ipaddress
from collections.abc import Callable

import msgspec

from postwright.ips import Book, Quota
from postwright.messages import Meta, build


class Source(msgspec.Struct, frozen=True):
    """A local address ("" leaves the choice to the system) and the EHLO name that belongs to it."""

    address: str
    name: str


class Settled(msgspec.Struct, frozen=True):
    """A message with its source decided. `back`: it was not sent after all. Microseconds."""

    meta: Meta
    back: Callable[[], None] | None = None
    wait_until: int = 0  # no address may send it before


class Sources:
    """Chooses among the addresses: what the message asks for, else what its domain and account have.

    Decided from what `refresh` read last; asks nobody for a message.
    """

    def __init__(self, book: Book, hostname: str) -> None:
        self._book = book
        self._hostname = hostname
        self._any = Source("", hostname)

    async def refresh(self) -> None:
        """Read what changed."""
        await self._book.refresh()

    def is_us(self, names: set[str]) -> bool:
        """Whether one of `names`, which a server calls itself, is a name that we call ourselves."""
        # A name without a dot ("localhost") is many machines'.
        ours = {self._hostname, *(each.ehlo for each in self._book.addresses.values())}
        return any(name.lower() in names for name in ours if "." in name)

    def ours(self, address: str) -> str:
        """`address` when it is a declared one, else ""."""
        return address if address in self._book.addresses else ""

    def in_pool(self, pool_id: str) -> tuple[str, ...]:
        """The addresses of a pool, as they are now."""
        return self._book.in_pool(pool_id)

    def via(self, address: str) -> build.Via:
        """An address and the pool that it is in, as a message tells them."""
        pool = self._book.pool_of(address)
        return build.Via(address) if pool is None else build.Via(address, pool.id, pool.name)

    @property
    def addresses(self) -> list[str]:
        """The declared addresses; "" when the choice is the system's."""
        return list(self._book.addresses) or [""]

    @property
    def metered(self) -> bool:
        """Whether any address has a cap, so that `settle` has to be asked."""
        return bool(self._book.warming)

    async def settle(self, meta: Meta, site: str, target: str, provider: str, quota: Quota) -> Settled:
        """Choose for good, with the right to one message where the address is being warmed up.

        Over the cap it goes from other addresses of the choice, else from those that take what spills over.
        """
        book = self._book
        asked = [each for each in (meta.ips or meta.sending_ip).split(",") if each in book.addresses]
        choice = book.choice(meta.account_id, meta.domain_id, meta.sending_ip_pool)
        spill = choice.spill if not asked else tuple(dict.fromkeys((*choice.first, *choice.spill)))
        first = asked or choice.first
        if book.warming.isdisjoint(first):
            return Settled(meta)
        free_at = 0
        for candidates in (first, spill, choice.last):
            fitting = [each for each in candidates if _reaches(each, target)]
            for address in sorted(fitting, key=lambda each: _score(each, site), reverse=True):
                back = None
                if address in book.warming:
                    back = await quota.take(address, provider)
                    if back is None:
                        at = quota.free_at(address, provider)
                        free_at = min(free_at or at, at)
                        continue
                return Settled(msgspec.structs.replace(meta, ips=address), back)
        return Settled(meta, wait_until=free_at)

    def choose(self, meta: Meta, site: str, target: str) -> Source | None:
        """The source for a message to `target`, an address (or a name) of `site`. None: no source reaches it.

        The same site sees the same source while it is declared, whatever is declared besides: reputation and
        greylisting go by address.
        """
        known = self._book.addresses
        asked = [each for each in (meta.ips or meta.sending_ip).split(",") if each in known]
        candidates = asked or self._book.choice(meta.account_id, meta.domain_id, meta.sending_ip_pool).first
        if not candidates:
            return self._any
        if self._book.warming and not asked:
            # What is being warmed up is chosen by `settle` alone, while its caps last.
            candidates = [each for each in candidates if each not in self._book.warming] or candidates
        fitting = [address for address in candidates if _reaches(address, target)]
        if not fitting:
            return None
        address = fitting[0] if len(fitting) == 1 else max(fitting, key=lambda each: _score(each, site))
        return Source(address, known[address].ehlo or self._hostname)


def _score(address: str, site: str) -> bytes:
    # Rendezvous hashing: an address that comes or goes moves only its own share of the sites.
    return hashlib.sha256(f"{address}\0{site}".encode()).digest()


def _reaches(address: str, target: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == ipaddress.ip_address(target).version
    except ValueError:
        return True  # a smarthost's name: it may have addresses of both kinds
