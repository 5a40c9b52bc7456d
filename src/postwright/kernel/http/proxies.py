"""Who asks, and what they asked, when a proxy stands between: what proxies that are known say of it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from litestar.types import ASGIApp

from .app import first_host

_SCHEMES = frozenset({"http", "https"})


class Proxies:
    """Puts what X-Forwarded-For, -Proto and -Host say in the place of the connection's own, from known peers only.

    After it nobody has to look at these headers: the client, the scheme and Host are those that count. What comes from
    others is left as it is, and means nothing.
    """

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        self._app = app
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(text) for text in networks]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection event stream."""
        if scope["type"] == "http" and self._is_proxy(_address((scope.get("client") or ("",))[0])):
            scope = scope | self._said(scope)
        await self._app(scope, receive, send)

    def _said(self, scope: Any) -> dict[str, Any]:
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            if name.startswith(b"x-forwarded-"):
                given.setdefault(name, []).append(value)
        found: dict[str, Any] = {}
        if client := self._client(_joined(given.get(b"x-forwarded-for"))):
            found["client"] = (client, 0)
        scheme = _joined(given.get(b"x-forwarded-proto")).partition(",")[0].strip().lower()
        if scheme in _SCHEMES:
            found["scheme"] = scheme
        host = first_host(_joined(given.get(b"x-forwarded-host")).encode("latin-1"))
        if host:
            kept = [each for each in scope["headers"] if each[0] != b"host"]
            found["headers"] = [(b"host", host.encode("latin-1")), *kept]
        return found

    def _client(self, text: str) -> str:
        """The last address that is not a proxy's: what stands left of it anybody can have written."""
        client = ""
        for part in reversed(text.split(",")):
            address = _address(part)
            if address is None:
                break
            client = str(address)
            if not self._is_proxy(address):
                break
        return client

    def _is_proxy(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )


def _joined(values: list[bytes] | None) -> str:
    return b", ".join(values or ()).decode("latin-1")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an element, with or without a port; None when there is none."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
