"""Which of our addresses mail leaves from, and the name it introduces itself by."""

import hashlib
import ipaddress

import msgspec

from postwright.kernel.settings import Settings
from postwright.messages import Meta


class Source(msgspec.Struct, frozen=True):
    """A local address ("" leaves the choice to the system) and the EHLO name that belongs to it."""

    address: str
    name: str


class Sources:
    """Chooses among the declared addresses: what the message asks for, else its domain's own, else any."""

    def __init__(self, settings: Settings, hostname: str) -> None:
        self._names = {address: name or hostname for address, name in settings.sources()}
        self._any = Source("", hostname)
        # A name without a dot ("localhost") is many machines'.
        self._ours = {name.lower() for name in (hostname, *self._names.values()) if "." in name}

    def is_us(self, names: set[str]) -> bool:
        """Whether one of `names`, which a server calls itself, is a name that we call ourselves."""
        return not self._ours.isdisjoint(names)

    def ours(self, address: str) -> str:
        """`address` when it is a declared one, else ""."""
        return address if address in self._names else ""

    @property
    def addresses(self) -> list[str]:
        """The declared addresses; "" when the choice is the system's."""
        return list(self._names) or [""]

    def choose(self, meta: Meta, site: str, target: str) -> Source | None:
        """The source for a message to `target`, an address (or a name) of `site`. None: no source reaches it.

        The same site sees the same source while it is declared, whatever is declared besides: reputation and
        greylisting go by address.
        """
        asked = meta.sending_ip
        if asked:
            return Source(asked, self._names.get(asked, self._any.name)) if _reaches(asked, target) else None
        own = [address for address in meta.ips.split(",") if address in self._names]
        candidates = own or list(self._names)
        if not candidates:
            return self._any
        fitting = [address for address in candidates if _reaches(address, target)]
        if not fitting:
            return None
        address = fitting[0] if len(fitting) == 1 else max(fitting, key=lambda each: _score(each, site))
        return Source(address, self._names[address])


def _score(address: str, site: str) -> bytes:
    # Rendezvous hashing: an address that comes or goes moves only its own share of the sites.
    return hashlib.sha256(f"{address}\0{site}".encode()).digest()


def _reaches(address: str, target: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == ipaddress.ip_address(target).version
    except ValueError:
        return True  # a smarthost's name: it may have addresses of both kinds
