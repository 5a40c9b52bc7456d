"""HTTPS tracking over real processes: a certificate from an authority, and what uses it."""

import asyncio
import contextlib
import re
import smtplib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from cryptography import x509

from postwright.testing.acme import AcmeServer, Authority, Pebble, pebble
from postwright.testing.dns import FakeDns
from postwright.testing.ports import free_ports
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for
from .test_tracking import BROWSER, HTML, fetch, sent

US = "post.example.org"
HOST = f"email.{DOMAIN}"
X509 = f"/v2/x509/{HOST}"


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        return [
            {"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}
        ]

    async def close(self) -> None:
        """Nothing to close."""


@contextlib.asynccontextmanager
async def browser(root: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that trusts one root, and nobody else."""
    context = ssl.create_default_context(cadata=root)
    connector = aiohttp.TCPConnector(resolver=Loopback(), ssl=context, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture
def ports() -> list[int]:
    return free_ports(3)


@pytest.fixture(params=["own", "pebble"])
async def authority(
    request: pytest.FixtureRequest, tmp_path: Path, fake_dns: FakeDns, ports: list[int]
) -> AsyncIterator[Authority]:
    if request.param == "pebble" and pebble() is None:
        pytest.skip("Pebble is not installed")
    kind: Callable[..., Any] = Pebble if request.param == "pebble" else AcmeServer
    made = kind(tmp_path, fake_dns.address, ports[0])
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def own(
    settings: dict[str, str], fake_dns: FakeDns, authority: Authority, ports: list[int]
) -> dict[str, str]:
    fake_dns.set(US, "A", "127.0.0.1")
    return settings | {
        "dns": fake_dns.address,
        "hostname": US,
        "http": f"127.0.0.1:{ports[0]}",
        "https": f"127.0.0.1:{ports[1]}",
        "submission_tls": f"127.0.0.1:{ports[2]}",
        "acme_directory": authority.directory,
        "acme_ca": str(authority.ca_path),
        "acme_email": "admin@example.org",
    }


async def start(start_server: Any, own: dict[str, str], http: aiohttp.ClientSession) -> Api:
    return Api(await start_server(**own), http)


async def status(api: Api, wanted: str) -> Any:
    async def look() -> Any:
        code, body = await api.call("GET", f"{X509}/status")
        return body if code == 200 and body["status"] == wanted else None

    return await wait_for(look, f"status {wanted}", 40)


async def listed(api: Api, host: str, state: str) -> Any:
    async def look() -> Any:
        found = (await api.get("/postwright/v1/certificates"))["items"]
        return next((one for one in found if (one["host"], one["state"]) == (host, state)), None)

    return await wait_for(look, f"{host} {state}", 40)


async def test_a_click_through_https(
    start_server: Any,
    own: dict[str, str],
    authority: Authority,
    fake_dns: FakeDns,
    http: aiohttp.ClientSession,
    sink: Sink,
    ports: list[int],
) -> None:
    api = await start(start_server, own, http)
    assert await api.call("GET", f"{X509}/status") == (
        404,
        {
            "message": "Please initiate x509 key pair generation at POST /v2/x509/{domain}",
            "Description": "Please initiate x509 key pair generation at POST /v2/x509/{domain}",
        },
    )
    code, body = await api.call("POST", X509)
    assert (code, body["Reason"]) == (400, "invalid CNAME record")
    fake_dns.set(HOST, "CNAME", f"{US}.")
    code, body = await api.call("POST", X509)
    assert (code, body) == (
        202,
        {"message": "Initiated x509 key pair generation", "location": f"{X509}/status"},
    )
    done = await status(api, "active")
    assert done["error"] is None
    leaf = x509.load_pem_x509_certificates(done["certificate"].encode())[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]
    code, body = await api.call("PUT", X509)
    until = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} +0000 UTC"
    assert (code, body["Description"]) == (409, f"x509 certificate is still valid until {until}")
    code, body = await api.call("POST", X509)
    assert (code, body["Description"]) == (
        409,
        f"x509 key pair generation has already been initiated for {HOST}",
    )

    await api.call("PUT", f"/v4/domains/{DOMAIN}", data={"web_scheme": "https"})
    await api.call("PUT", f"/v4/domains/{DOMAIN}/verify")
    message_id, _, _, html = await sent(api, sink, html=HTML, text="", o__tracking="yes")
    path = re.search(rf'href="https://{re.escape(HOST)}(/c/[\w-]+)"', html)[1]
    root = await authority.roots()
    link = f"https://{HOST}:{ports[1]}{path}"
    async with browser(root) as client:

        async def click() -> Any:
            with contextlib.suppress(aiohttp.ClientSSLError):  # the old look at the store is two seconds old
                return await fetch(client, link)
            return None

        code, headers, _ = await wait_for(click, "a valid certificate")
        assert (code, headers["Location"]) == (302, "https://example.com/?a=1&copy=2")
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        # The whole API answers there too, for our own name, with a certificate that nobody asked for.
        await listed(api, US, "active")

        async def health() -> Any:
            with contextlib.suppress(aiohttp.ClientSSLError):
                return await fetch(client, f"https://{US}:{ports[1]}/postwright/health")
            return None

        code, headers, _ = await wait_for(health, "a certificate of our own name")
        assert code == 200 and "Strict-Transport-Security" not in headers
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await fetch(client, f"https://other.example.com:{ports[1]}/")
    clicked = await api.wait_event("clicked", message_id)
    assert clicked["ip"] == "127.0.0.1" and clicked["client-info"]["user-agent"] == BROWSER
    # Over plain HTTP it works as ever, without a promise.
    code, headers, _ = await fetch(http, api.server.base_url + path, headers={"Host": HOST})
    assert code == 302 and "Strict-Transport-Security" not in headers
    with pytest.raises(ssl.SSLError):
        await asyncio.to_thread(handshake, ports[1], root, HOST, ssl.TLSVersion.TLSv1_1)
    assert await asyncio.to_thread(handshake, ports[1], root, HOST, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    # Submission, with TLS from the first octet and with STARTTLS, and the MX door.
    context = ssl.create_default_context(cadata=root)

    async def trusted(port: int, how: str) -> None:
        async def look() -> Any:
            with contextlib.suppress(ssl.SSLError):
                return await asyncio.to_thread(greet, port, context, how)
            return None

        assert await wait_for(look, f"a certificate at {how}") == 250

    await trusted(ports[2], "implicit")
    await trusted(api.server.smtp[1], "starttls")
    await trusted(api.server.mx[1], "starttls")
    await trusted(api.server.mx[1], "unnamed")


def handshake(port: int, root: str, name: str, most: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cadata=root)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = min(ssl.TLSVersion.TLSv1_2, most)
        context.maximum_version = most
    with (
        socket.create_connection(("127.0.0.1", port), 10) as raw,
        context.wrap_socket(raw, server_hostname=name) as tls,
    ):
        return tls.version()


def greet(port: int, context: ssl.SSLContext, how: str) -> int:
    if how == "unnamed":  # as most mail servers do: no SNI; only then is the name compared
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as plain:
            plain.ehlo()
            plain.docmd("STARTTLS")
            bare = ssl.create_default_context()
            bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
            with bare.wrap_socket(plain.sock) as tls:
                leaf = x509.load_der_x509_certificate(tls.getpeercert(True))
            plain.sock = None
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [US]
        return 250
    if how == "implicit":
        with (
            socket.create_connection(("127.0.0.1", port), 10) as raw,
            context.wrap_socket(raw, server_hostname=US) as tls,
        ):
            return 250 if tls.recv(3) == b"220" else 0
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client._host = US
        client.starttls(context=context)
        return client.ehlo()[0]
