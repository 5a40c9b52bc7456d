"""The client for URLs of users: where it goes, where it does not, and how much it takes."""

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postwright.kernel import outgoing
from postwright.kernel.outgoing import Outgoing, Result, TargetRefused, TargetUnreachable, judge, parse_url
from postwright.kernel.settings import Settings
from postwright.testing.catcher import Answer, Catcher
from postwright.testing.dns import Failure, FakeDns

JSON = {"Content-Type": "application/json"}


def client(policy: str = "no", dns: FakeDns | None = None) -> Outgoing:
    return Outgoing(Settings(allow_private_targets=policy, dns=dns.address if dns else ""))


def told(result: Result) -> tuple[int, bytes]:
    """Status and body of an answer."""
    return result.status, result.body


async def refusal(url: str, policy: str = "no", dns: FakeDns | None = None) -> str:
    """The reason, which must be the same when a URL is saved and when it is called."""
    async with client(policy, dns) as to:
        with pytest.raises(TargetRefused) as saved:
            await to.check(url)
        with pytest.raises(TargetRefused) as called:
            await to.post(url, b"{}", JSON)
    assert str(saved.value) == str(called.value)
    return str(saved.value)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",  # carrier-grade NAT (RFC 6598)
        "127.0.0.1",
        "127.8.9.10",
        "169.254.169.254",  # metadata services of clouds
        "172.16.0.1",
        "172.31.255.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",  # IPv4-compatible (RFC 4291 section 2.5.5.1)
        "[::ffff:10.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:0:127.0.0.1]",  # IPv4-translated (RFC 2765)
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[100::1]",
        "[2001:0:7f00:1::]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
async def test_no_address_that_is_not_public(address: str) -> None:
    assert "is not a public address" in await refusal(f"http://{address}/")


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "017700000001", "127.0.1", "0"]
)
async def test_no_address_in_another_spelling(host: str) -> None:
    for policy in ("no", "loopback"):
        assert await refusal(f"http://{host}/", policy) == "not a canonical IPv4 address"


@pytest.mark.parametrize("host", ["①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1"])
async def test_no_address_that_becomes_one_by_normalisation(host: str) -> None:
    """IDNA (UTS 46) makes ASCII of these: what was judged must be what is called."""
    assert await refusal(f"http://{host}/") == "127.0.0.1 is not a public address"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "invalid URL scheme"),
        ("file:///etc/passwd", "invalid URL scheme"),
        ("gopher://example.com/", "invalid URL scheme"),
        ("//example.com/", "invalid URL scheme"),
        ("example.com/hook", "invalid URL scheme"),
        ("", "invalid URL scheme"),
        ("http://", "missing host"),
        ("http:///path", "missing host"),
        ("http://user@example.com/", "credentials in the URL are not allowed"),
        ("http://user:secret@example.com/", "credentials in the URL are not allowed"),
        ("http://example.com@127.0.0.1/", "credentials in the URL are not allowed"),
        ("http://example.com\\@127.0.0.1/", "invalid URL"),
        ("http://exa\rmple.com/", "invalid URL"),
        ("http://example.com/\n", "invalid URL"),
        ("http://example.com/a b", "invalid URL"),
        ("http://[::1/", "invalid URL"),
        ("http://[fe80::1%25lo]/", "invalid URL"),
        ("http://example.com:99999/", "invalid URL"),
        ("http://example.com:0/", "invalid URL"),
        ("http://ex%61mple.com/", "invalid URL"),
        ("http://1.2.3.4.5/", "not a canonical IPv4 address"),
        ("http://256.0.0.1/", "not a canonical IPv4 address"),
        ("http://127.0.0.1./", "not a canonical IPv4 address"),
        ("http://example.com/" + "x" * outgoing.MAX_URL, "invalid URL"),
    ],
)
async def test_malformed_urls(url: str, reason: str) -> None:
    assert await refusal(url) == reason


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example", ".example", "nowhere.example"])
async def test_names_that_cannot_be(host: str, fake_dns: FakeDns) -> None:
    async with client(dns=fake_dns) as to:
        with pytest.raises(TargetRefused, match="host not found"):
            await to.check(f"http://{host}/")


async def test_a_name_without_an_answer_may_be_saved_and_not_called(fake_dns: FakeDns) -> None:
    fake_dns.fail("broken.example", Failure.SERVFAIL)
    async with client(dns=fake_dns) as to:
        with pytest.raises(TargetUnreachable):
            await to.check("http://broken.example/")
        with pytest.raises(TargetUnreachable):
            await to.post("http://broken.example/", b"", JSON)


async def test_public_addresses_pass(fake_dns: FakeDns) -> None:
    fake_dns.set("good.example", "A", "93.184.216.34")
    fake_dns.set("six.example", "AAAA", "2606:4700::1111")
    async with client(dns=fake_dns) as to:
        for host in ("good.example", "GOOD.example.", "six.example", "8.8.8.8", "[2606:4700::1111]"):
            await to.check(f"https://{host}:8443/hook?x=%2F")


async def test_every_address_of_a_name_is_judged(fake_dns: FakeDns) -> None:
    fake_dns.set("mixed.example", "A", "93.184.216.34", "10.0.0.1")
    assert await refusal("http://mixed.example/", dns=fake_dns) == "10.0.0.1 is not a public address"
    fake_dns.set("six.example", "A", "93.184.216.34")
    fake_dns.set("six.example", "AAAA", "::1")
    assert await refusal("http://six.example/", dns=fake_dns) == "::1 is not a public address"


async def test_names_of_this_machine(fake_dns: FakeDns) -> None:
    for host in ("localhost", "LOCALHOST."):
        assert "not a public address" in await refusal(f"http://{host}/", dns=fake_dns)
    assert not fake_dns.queries


async def test_a_name_that_changes_its_answer(fake_dns: FakeDns, catcher: Catcher) -> None:
    """DNS rebinding: harmless when it is saved, our own network when it is called."""
    fake_dns.set("rebind.example", "A", "93.184.216.34", ttl=0)
    async with client(dns=fake_dns) as to:
        await to.check("http://rebind.example/")
        fake_dns.set("rebind.example", "A", "127.0.0.1", ttl=0)
        with pytest.raises(TargetRefused, match="not a public"):
            await to.post(f"http://rebind.example:{catcher.port}/", b"", JSON)
    assert not catcher.caught


async def test_a_socket_judges_what_the_resolver_let_through(
    fake_dns: FakeDns, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def anything(*_: object) -> list[ipaddress.IPv4Address]:
        return [ipaddress.IPv4Address("127.0.0.1")]

    judged: list[str] = []

    def once(address: outgoing.Address, policy: str) -> None:
        judged.append(str(address))
        if len(judged) > 1:
            judge(address, policy)

    monkeypatch.setattr(outgoing._Resolver, "_addresses", anything)
    monkeypatch.setattr(outgoing, "judge", once)
    async with client(dns=fake_dns) as to:
        with pytest.raises(TargetRefused):
            await to.post(f"http://good.example:{catcher.port}/", b"", JSON)
    assert len(judged) == 2 and not catcher.caught


async def test_loopback_policy(fake_dns: FakeDns, catcher: Catcher) -> None:
    fake_dns.set("me.example", "A", "127.0.0.1")
    async with client("loopback", fake_dns) as to:
        for host in ("127.0.0.1", "localhost", "me.example", "[::ffff:127.0.0.1]"):
            url = f"http://{host}:{catcher.port}/hook"
            await to.check(url)
            assert told(await to.post(url, b'{"a":1}', JSON)) == (200, b"{}")
    for url in ("http://10.0.0.1/", "http://169.254.169.254/", "http://0.0.0.0/", "http://[fe80::1]/"):
        assert "is not a public address" in await refusal(url, "loopback")
    assert [c.body for c in catcher.caught] == [b'{"a":1}'] * 4


async def test_what_is_sent(catcher: Catcher) -> None:
    async with client("loopback") as to:
        await to.post(catcher.url("/a%2Fb/%20?q=%26"), b"body", JSON)
    (call,) = catcher.caught
    assert (call.method, call.path, call.body) == ("POST", "/a%2Fb/%20?q=%26", b"body")
    assert call.headers["content-type"] == "application/json"
    assert set(call.headers) == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(catcher: Catcher, status: int) -> None:
    catcher.script = Answer(status, headers={"Location": catcher.url("/elsewhere")})
    async with client("loopback") as to:
        assert (await to.post(catcher.url("/first"), b"", JSON)).status == status
    assert [call.path for call in catcher.caught] == ["/first"]


async def test_cookies_are_not_kept(catcher: Catcher) -> None:
    catcher.script = Answer(headers={"Set-Cookie": "a=b"})
    async with client("loopback") as to:
        for _ in range(2):
            await to.post(catcher.url(), b"", JSON)
    assert all("cookie" not in call.headers for call in catcher.caught)


@asynccontextmanager
async def raw_server(
    reply: bytes, endless: bytes = b"", pause: float = 0.0
) -> AsyncIterator[tuple[str, list[int]]]:
    """Answers any request with `reply` and then `endless` for ever; its URL, and the octets it got rid of."""
    written = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            while endless:
                writer.write(endless)
                await writer.drain()
                written[0] += len(endless)
                await asyncio.sleep(pause)
            await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", written


async def test_a_huge_reply_is_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    async with raw_server(head, b"x" * 65536) as (url, written), client("loopback") as to:
        begun = time.monotonic()
        result = await to.post(url, b"", JSON)
        assert time.monotonic() - begun < 5
    assert told(result) == (200, b"x" * outgoing.MAX_REPLY)
    assert written[0] < 64 * 1024 * 1024  # what buffers on the way hold, not what the server has


async def test_a_reply_in_pieces_is_whole(catcher: Catcher) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"1\r\n%c\r\n" % letter for letter in b"hello") + b"0\r\n\r\n"
    async with raw_server(head + body) as (url, _), client("loopback") as to:
        assert told(await to.post(url, b"", JSON)) == (200, b"hello")


async def test_a_compressed_reply_is_not_inflated() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip"
    async with raw_server(head) as (url, _), client("loopback") as to:
        assert told(await to.post(url, b"", JSON)) == (200, b"not gzip")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
    ],
)
async def test_a_slow_reply_ends(reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One octet at a time does not help: the limit is for the whole exchange."""
    monkeypatch.setattr(outgoing, "TOTAL_SECONDS", 0.5)
    drip = b"x" if b"Slow" in reply else b""
    async with raw_server(reply, drip, 0.05) as (url, _), client("loopback") as to:
        begun = time.monotonic()
        with pytest.raises(TargetUnreachable, match="timed out"):
            await to.post(url, b"", JSON)
        assert 0.4 < time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("head", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"y" * 4000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"y" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_an_endless_head_ends(head: bytes, endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "TOTAL_SECONDS", 1.0)
    async with raw_server(head, endless) as (url, _), client("loopback") as to:
        with pytest.raises(TargetUnreachable):
            await to.post(url, b"", JSON)


@pytest.mark.parametrize(
    "reply", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\x02\x00" * 10]
)
async def test_what_is_not_http(reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "TOTAL_SECONDS", 2.0)
    async with raw_server(reply) as (url, _), client("loopback") as to:
        with pytest.raises(TargetUnreachable):
            await to.post(url, b"", JSON)


async def test_dropped_and_closed(catcher: Catcher) -> None:
    async with client("loopback") as to:
        catcher.script = Answer(drop=True)
        with pytest.raises(TargetUnreachable):
            await to.post(catcher.url(), b"", JSON)
        await catcher.stop()
        with pytest.raises(TargetUnreachable):
            await to.post(catcher.url(), b"", JSON)


def certificate(folder: Path) -> ssl.SSLContext:
    """A server context whose certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    async with Catcher(tls=certificate(tmp_path)) as catcher, client("loopback") as to:
        with pytest.raises(TargetUnreachable, match="certificate"):
            await to.post(catcher.url(), b"secret", JSON)
        assert not catcher.caught


def test_what_is_parsed_is_what_is_called() -> None:
    url = parse_url("https://Example.COM:8443/a%2Fb?c=%20#part")
    assert (url.raw_host, url.port, url.raw_path_qs) == ("example.com", 8443, "/a%2Fb?c=%20")
