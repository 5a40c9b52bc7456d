"""Rules and what they match."""

from typing import Final

import msgspec

from postwright.kernel.errors import Refused

PAUSE: Final = "pause"
REROUTE: Final = "reroute"


class BadLever(Refused):
    """A filter or a target cannot be understood; the text says which."""

    status = 400


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which recipients; what is "" matches all, what is given must all match."""

    account: str = ""
    domain_id: str = ""
    domain: str = ""  # its name, for people
    recipient_domain: str = ""
    provider: str = ""
    tag: str = ""
    source_ip: str = ""

    @property
    def words(self) -> dict[str, str]:
        """What is given, as people name it."""
        given = {
            "account": self.account,
            "domain": self.domain,
            "recipient_domain": self.recipient_domain,
            "provider": self.provider,
            "tag": self.tag,
            "source_ip": self.source_ip,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def needs_message(self) -> bool:
        """Whether it takes the message's description to tell, not just the queue row."""
        return bool(self.tag or self.source_ip)


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """The other way: from these source addresses, from those that a pool has then, or over this smarthost."""

    source_ips: tuple[str, ...] = ()
    pool: str = ""  # its id
    host: str = ""
    port: int = 25

    def __str__(self) -> str:
        if self.pool:
            return f"pool {self.pool}"
        return f"{self.host}:{self.port}" if self.host else ", ".join(self.source_ips)


class Rule(msgspec.Struct, frozen=True):
    """A standing decision. `owner` is the account that made it, whatever it matches."""

    id: int  # 0: nobody's rule, an account sends nothing
    kind: str  # pause · reroute
    owner: str
    filter: Filter
    target: Target | None
    note: str
    created_at: int  # microseconds
    created_by: str

    @property
    def name(self) -> str:
        """What it is called in the rows it holds."""
        return f"rule {self.id}" if self.id else f"account {self.owner}"
