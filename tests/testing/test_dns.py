"""The fake resolver, asked by dnspython as the program asks it."""

import asyncio
import time

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import pytest

from postwright.testing.dns import Failure, FakeDns, Query


@pytest.fixture
def resolver(fake_dns: FakeDns) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [fake_dns.host]
    resolver.port = fake_dns.port
    resolver.lifetime = 2
    return resolver


async def _texts(resolver: dns.asyncresolver.Resolver, name: str, rdtype: str) -> list[str]:
    return sorted(rdata.to_text() for rdata in await resolver.resolve(name, rdtype))


async def _ask(fake_dns: FakeDns, query: dns.message.Message) -> dns.message.Message:
    return await dns.asyncquery.udp(query, fake_dns.host, 2, fake_dns.port)


@pytest.mark.parametrize(
    ("rdtype", "values"),
    [
        ("MX", ["10 mx1.example.com.", "20 mx2.example.com."]),
        ("A", ["127.0.0.2"]),
        ("AAAA", ["::1"]),
        ("TLSA", ["3 1 1 " + "ab" * 32]),
    ],
)
async def test_records_come_back(
    fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver, rdtype: str, values: list[str]
) -> None:
    fake_dns.set("Example.COM", rdtype, *values)
    assert await _texts(resolver, "example.com", rdtype) == values
    assert fake_dns.queries == [Query("example.com", rdtype, "udp")]


async def test_a_long_text_record_is_one_text(
    fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver
) -> None:
    text = 'v=DKIM1; k=rsa; p="' + "A\\é" * 200
    fake_dns.set("s1._domainkey.example.com", "TXT", text)
    (record,) = await resolver.resolve("s1._domainkey.example.com", "TXT")
    assert b"".join(record.strings).decode() == text and len(record.strings) == 4


async def test_reverse_names(fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver) -> None:
    fake_dns.set_ptr("127.0.0.2", "mail.example.com")
    fake_dns.set_ptr("::1", "six.example.com")
    assert (await resolver.resolve_address("127.0.0.2"))[0].to_text() == "mail.example.com."
    assert (await resolver.resolve_address("::1"))[0].to_text() == "six.example.com."


async def test_aliases_are_followed_and_loops_fail(
    fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver
) -> None:
    fake_dns.set("www.example.com", "CNAME", "host.example.net.")
    fake_dns.set("host.example.net", "A", "127.0.0.3")
    answer = await resolver.resolve("www.example.com", "A")
    assert answer.canonical_name.to_text() == "host.example.net." and answer[0].to_text() == "127.0.0.3"
    fake_dns.set("loop.example.com", "CNAME", "loop.example.com.")
    with pytest.raises(dns.resolver.NoNameservers, match="SERVFAIL"):
        await resolver.resolve("loop.example.com", "A")


async def test_missing_names_and_missing_types_differ(
    fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver
) -> None:
    fake_dns.set("a.b.example.com", "A", "127.0.0.2")
    with pytest.raises(dns.resolver.NXDOMAIN):
        await resolver.resolve("c.example.com", "A")
    for name, rdtype in (("a.b.example.com", "MX"), ("b.example.com", "A")):
        with pytest.raises(dns.resolver.NoAnswer):
            await resolver.resolve(name, rdtype)


async def test_records_change_at_run_time(fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver) -> None:
    fake_dns.set("example.com", "A", "127.0.0.2")
    fake_dns.set("example.com", "MX", "10 mx.example.com.")
    assert await _texts(resolver, "example.com", "A") == ["127.0.0.2"]
    fake_dns.set("example.com", "A", "127.0.0.3", "127.0.0.4")
    assert await _texts(resolver, "example.com", "A") == ["127.0.0.3", "127.0.0.4"]
    fake_dns.remove("example.com", "A")
    with pytest.raises(dns.resolver.NoAnswer):
        await resolver.resolve("example.com", "A")
    fake_dns.remove("example.com")
    with pytest.raises(dns.resolver.NXDOMAIN):
        await resolver.resolve("example.com", "A")
    assert fake_dns.asked("example.com", "A") == fake_dns.asked("example.com") == 4


@pytest.mark.parametrize(
    ("how", "code"), [(Failure.SERVFAIL, dns.rcode.SERVFAIL), (Failure.REFUSED, dns.rcode.REFUSED)]
)
async def test_failures_of_one_type_leave_the_others(
    fake_dns: FakeDns, how: Failure, code: dns.rcode.Rcode
) -> None:
    fake_dns.set("example.com", "A", "127.0.0.2")
    fake_dns.fail("example.com", how, "MX")
    assert (await _ask(fake_dns, dns.message.make_query("example.com", "MX"))).rcode() == code
    assert (await _ask(fake_dns, dns.message.make_query("example.com", "A"))).answer
    fake_dns.heal("example.com", "MX")
    assert (await _ask(fake_dns, dns.message.make_query("example.com", "MX"))).rcode() == dns.rcode.NOERROR


async def test_silence(fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver) -> None:
    fake_dns.set("example.com", "A", "127.0.0.2")
    fake_dns.fail("example.com", Failure.TIMEOUT)
    resolver.lifetime = 0.2
    with pytest.raises(dns.exception.Timeout):
        await resolver.resolve("example.com", "A")
    fake_dns.heal("example.com")
    assert await _texts(resolver, "example.com", "A") == ["127.0.0.2"]


async def test_truncated_answers_are_fetched_over_tcp(
    fake_dns: FakeDns, resolver: dns.asyncresolver.Resolver
) -> None:
    fake_dns.set("example.com", "A", "127.0.0.2")
    fake_dns.fail("example.com", Failure.TRUNCATED)
    assert await _texts(resolver, "example.com", "A") == ["127.0.0.2"]
    # Too large for a datagram: the same without being told to.
    fake_dns.set("big.example.com", "TXT", "x" * 600)
    assert (await resolver.resolve("big.example.com", "TXT"))[0]
    assert [q.transport for q in fake_dns.queries] == ["udp", "tcp", "udp", "tcp"]
    roomy = dns.message.make_query("big.example.com", "TXT", use_edns=0, payload=1232)
    assert not (await _ask(fake_dns, roomy)).flags & dns.flags.TC


async def test_authentic_data_only_where_signed_and_asked_for(fake_dns: FakeDns) -> None:
    fake_dns.set("mx.example.com", "TLSA", "3 1 1 " + "ab" * 32)
    fake_dns.set("alias.example.org", "CNAME", "mx.example.com.")
    fake_dns.sign("example.com")

    async def authentic(name: str, want_dnssec: bool = True) -> bool:
        query = dns.message.make_query(name, "TLSA", want_dnssec=want_dnssec)
        query.flags &= ~dns.flags.AD
        return bool((await _ask(fake_dns, query)).flags & dns.flags.AD)

    assert await authentic("mx.example.com")
    assert not await authentic("mx.example.com", want_dnssec=False)
    assert not await authentic("alias.example.org")  # the way there is not signed
    assert not await authentic("elsewhere.net")
    fake_dns.sign("example.com", signed=False)
    assert not await authentic("mx.example.com")


async def test_garbage_is_ignored_and_stopping_frees_the_port(fake_dns: FakeDns) -> None:
    reader, writer = await asyncio.open_connection(fake_dns.host, fake_dns.port)
    writer.write(b"\x00\x03abc")
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(fake_dns.host, fake_dns.port)
    )
    transport.sendto(b"abc")
    fake_dns.set("example.com", "A", "127.0.0.2")
    assert (await _ask(fake_dns, dns.message.make_query("example.com", "A"))).answer
    transport.close()
    began = time.monotonic()
    await fake_dns.stop()
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(fake_dns.host, fake_dns.port)
    assert time.monotonic() - began < 5
