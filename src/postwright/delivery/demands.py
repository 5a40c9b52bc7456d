"""How a connection has to be encrypted: what the message asks for, and what the destination publishes."""

import msgspec

from postwright.messages import Meta
from postwright.tlspolicy import Pin, Policies, StsPolicy, Unusable

from .destinations import Host, Route


class Tls(msgspec.Struct, frozen=True):
    """What a message asks of the connection."""

    required: bool
    verify: bool
    heeds: bool = True  # what the destination publishes
    encrypted: bool = False  # never in clear, because the table of limits says so

    @classmethod
    def of(cls, meta: Meta, encrypted: bool = False) -> "Tls":
        """What `meta` asks for, where the table requires encryption or not. A TLS report goes anyway."""
        heeds = not meta.tls_report
        return cls(bool(meta.require_tls), not meta.skip_verification, heeds, encrypted and heeds)

    @property
    def own(self) -> "Demand":
        """What holds where the destination publishes nothing."""
        if self.required:
            return Demand("require", required=True, verify=self.verify)
        if self.encrypted:
            return Demand("require", required=True, verify=self.verify, lenient=True)
        return Demand("opportunistic", verify=self.verify)


class Demand(msgspec.Struct, frozen=True):
    """What a connection to one host must be. The strictest of several is what holds."""

    policy: str  # none · opportunistic · require · sts · dane
    required: bool = False  # never in clear
    verify: bool = False  # with a valid certificate for the host's name; tried first where it is not required
    pins: tuple[Pin, ...] = ()  # one of these must hold (DANE)
    names: tuple[str, ...] = ()  # the server's, for pins of a CA
    all_pins: tuple[Pin, ...] = ()  # also those of no use, for reports
    sts: StsPolicy | None = None  # also one that is only tested, for reports
    allowed: bool = True  # the host is one that the MTA-STS policy names
    lenient: bool = False  # any certificate will do where there is no valid one, although it is required


class Withheld(Exception):
    """The destination's own policy forbids to send to this host now. `kind`: a result type of RFC 8460 §4.3."""

    def __init__(self, text: str, kind: str, demand: Demand) -> None:
        self.kind, self.demand = kind, demand
        super().__init__(text)


NOTHING = Demand("none")


async def demand(policies: Policies | None, route: Route, host: Host, tls: Tls) -> Demand:
    """What holds for a message with wish `tls` to `host` of `route`. Raises Withheld.

    DANE beats MTA-STS, and neither is given up for what a message allows (RFC 8461 §2, RFC 7672 §2.2).
    """
    if not host.outside:
        return NOTHING
    if policies is None or not route.published or not tls.heeds:
        return tls.own
    sts = await policies.sts(route.domain)
    enforced = sts is not None and sts.mode == "enforce"
    if route.secure and host.secure:
        names = (host.alias_of, host.name) if host.alias_of else (host.name,)
        try:
            found = await policies.pins(names, host.port)
        except Unusable as wrong:
            # Whoever can make the answer fail must not be able to make us forget it (RFC 7672 §2.1.2).
            raise Withheld(str(wrong), "dnssec-invalid", Demand("dane", required=True)) from wrong
        usable = tuple(pin for pin in found if pin.usable)
        if usable:
            return Demand("dane", True, False, usable, (*names, route.domain), found)
        if found:
            # Encrypted, to whom is not known: as good as can be had from DANE (RFC 7672 §2.2), and no worse
            # than what else is asked for.
            verify = enforced or (tls.required and tls.verify)
            return Demand("dane", True, verify, all_pins=found, sts=sts)
    if sts is None:
        return tls.own
    allowed = sts.allows(host.name)
    if not enforced:
        return msgspec.structs.replace(tls.own, sts=sts, allowed=allowed)
    strict = Demand("sts", required=True, verify=True, sts=sts, allowed=allowed)
    if not allowed:
        text = f"{host.name} is none of the hosts that the MTA-STS policy of {route.domain} allows"
        raise Withheld(text, "validation-failure", strict)
    return strict
