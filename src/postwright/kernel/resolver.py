"""The DNS resolver of the installation."""

import dns.asyncresolver

from .settings import Settings, host_port

LOOKUP_SECONDS = 5.0  # one look-up, as KumoMTA bounds it (delivery-engineering.md 2.1)


def resolver(settings: Settings) -> dns.asyncresolver.Resolver:
    """A resolver that asks the server of the setting `dns`, else the system's. Needs no event loop to be made."""
    made = dns.asyncresolver.Resolver(configure=not settings.dns)
    if settings.dns:
        host, port = host_port(settings.dns, "POSTWRIGHT_DNS")
        made.nameservers, made.port = [host], port
    made.lifetime = LOOKUP_SECONDS
    return made
