"""What is believed of who asks, and from whom."""

from typing import Any

import pytest

from postwright.kernel.http.proxies import Proxies

TRUSTED = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48"]
HEADERS = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "mail.example",
    "host": "inner:8025",
}


async def seen(peer: str | None, *headers: tuple[str, str]) -> tuple[str, str, str]:
    """The client, scheme and Host behind the layer."""
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    given = {
        "type": "http",
        "client": (peer, 1234) if peer else None,
        "scheme": "http",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    await Proxies(app, TRUSTED)(given, None, None)
    (scope,) = scopes
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    return (scope["client"] or ("",))[0], scope["scheme"], ",".join(hosts)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:10.1.2.3", "2001:db8:1::5"])
async def test_a_proxy_is_believed(peer: str) -> None:
    assert await seen(peer, *HEADERS.items()) == ("203.0.113.9", "https", "mail.example")


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:2::5", "unix", None])
async def test_nobody_else_is(peer: str | None) -> None:
    assert await seen(peer, *HEADERS.items()) == (peer or "", "http", "inner:8025")


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8:2::1]:4711", "2001:db8:2::1"),
        ("2001:DB8:2::1", "2001:db8:2::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),  # one of ours asks
        ("203.0.113.9, nonsense", "127.0.0.1"),
        ("nonsense, 203.0.113.9", "203.0.113.9"),
        ("", "127.0.0.1"),
    ],
)
async def test_the_last_stranger_is_the_client(said: str, client: str) -> None:
    assert (await seen("127.0.0.1", ("x-forwarded-for", said)))[0] == client


async def test_headers_in_several_lines() -> None:
    lines = ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")
    assert (await seen("127.0.0.1", *lines))[0] == "203.0.113.9"


@pytest.mark.parametrize(
    ("name", "said"),
    [("x-forwarded-proto", "javascript"), ("x-forwarded-host", "evil/<script>"), ("x-forwarded-host", "")],
)
async def test_what_cannot_be_is_not_believed(name: str, said: str) -> None:
    found = await seen("127.0.0.1", (name, said), ("host", "inner:8025"))
    assert found == ("127.0.0.1", "http", "inner:8025")
