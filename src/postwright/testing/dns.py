"""A DNS resolver with invented records, which can fail in every way a real one does."""

import asyncio
import contextlib
import enum
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset

_PLAIN_UDP = 512  # largest answer over UDP to who did not announce more (RFC 1035 §4.2.1)
_CNAME_STEPS = 16
_PORT_TRIES = 20


class Failure(enum.Enum):
    """What happens to queries for a name instead of an answer."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"  # silence
    TRUNCATED = "truncated"  # TC over UDP, so that the answer has to be fetched over TCP


@dataclass(frozen=True)
class Query:
    """One question that came in: lower-case name without the final dot, type, `udp` or `tcp`."""

    name: str
    type: str
    transport: str


class FakeDns:
    """Answers like a recursive resolver, over UDP and TCP on one port: `async with FakeDns() as fake`.

    Records may change at any time. Unknown names do not exist (NXDOMAIN); known ones without the type asked
    for give an empty answer. `queries` lists what was asked, in order.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.queries: list[Query] = []
        self._records: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self._failures: dict[tuple[dns.name.Name, dns.rdatatype.RdataType | None], Failure] = {}
        self._names: set[dns.name.Name] | None = None  # all that exist; None: not known since a change
        self._signed: set[dns.name.Name] = set()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def address(self) -> str:
        """`host:port`, as POSTWRIGHT_DNS takes it."""
        return f"{self.host}:{self.port}"

    # --- the zone ---

    def set(self, name: str, rdtype: str, *values: str, ttl: int = 60) -> None:
        """Let `name` have just these records of the type. TXT values are given plain and split as needed."""
        key = (_name(name), dns.rdatatype.from_text(rdtype))
        texts = [_txt(value) for value in values] if rdtype == "TXT" else list(values)
        self._names = None
        self._records[key] = dns.rrset.from_text_list(key[0], ttl, "IN", rdtype, texts)

    def set_ptr(self, address: str, *names: str) -> None:
        """Let the reverse look-up of an IPv4 or IPv6 address give `names`."""
        self.set(dns.reversename.from_address(address).to_text(), "PTR", *(_name(n).to_text() for n in names))

    def remove(self, name: str, rdtype: str | None = None) -> None:
        """Forget the records of one type, or of all."""
        self._names = None
        for key in [key for key in self._records if key[0] == _name(name)]:
            if rdtype is None or key[1] == dns.rdatatype.from_text(rdtype):
                del self._records[key]

    def fail(self, name: str, how: Failure, rdtype: str | None = None) -> None:
        """Fail queries for `name`, of one type or of all, until `heal`."""
        self._failures[_name(name), _type(rdtype)] = how

    def heal(self, name: str, rdtype: str | None = None) -> None:
        """End what `fail` began with the same arguments."""
        self._failures.pop((_name(name), _type(rdtype)), None)

    def sign(self, zone: str, signed: bool = True) -> None:
        """Give answers in `zone` and below it as validated by DNSSEC (AD flag), or no longer so."""
        (self._signed.add if signed else self._signed.discard)(_name(zone))

    def asked(self, name: str, rdtype: str | None = None) -> int:
        """How many queries came for `name`, of one type or of all."""
        plain = _plain(_name(name))
        return sum(q.name == plain and rdtype in (None, q.type) for q in self.queries)

    # --- the server ---

    async def start(self) -> None:
        """Listen on one free port for both protocols. Raises OSError."""
        loop = asyncio.get_running_loop()
        for attempt in range(_PORT_TRIES):
            self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), (self.host, 0))
            self.port = self._udp.get_extra_info("sockname")[1]
            try:
                self._tcp = await asyncio.start_server(self._serve_tcp, self.host, self.port)
            except OSError:  # somebody has this TCP port: another pair
                self._udp.close()
                if attempt == _PORT_TRIES - 1:
                    raise
            else:
                return

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            for writer in self._connections.values():
                writer.transport.abort()
            if self._connections:
                await asyncio.wait(self._connections)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections[task] = writer
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = self.answer(await reader.readexactly(length), "tcp")
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            del self._connections[task]

    def answer(self, wire: bytes, transport: str) -> bytes | None:
        """The reply to one query message, or None for silence."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if not query.question:
            return None
        question = query.question[0]
        name, rdtype = question.name.canonicalize(), question.rdtype
        self.queries.append(Query(_plain(name), dns.rdatatype.to_text(rdtype), transport))
        reply = dns.message.make_response(query, recursion_available=True)
        failure = self._failures.get((name, rdtype)) or self._failures.get((name, None))
        if failure is Failure.TIMEOUT:
            return None
        if failure is Failure.SERVFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif failure is Failure.REFUSED:
            reply.set_rcode(dns.rcode.REFUSED)
        elif failure is Failure.TRUNCATED and transport == "udp":
            reply.flags |= dns.flags.TC
        else:
            self._resolve(query, reply, name, rdtype)
        if transport == "tcp":
            return reply.to_wire()
        limit = query.payload if query.edns >= 0 else _PLAIN_UDP
        try:
            return reply.to_wire(max_size=max(limit, _PLAIN_UDP))
        except dns.exception.TooBig:
            cut = dns.message.make_response(query, recursion_available=True)
            cut.flags |= dns.flags.TC
            return cut.to_wire()

    def _resolve(
        self,
        query: dns.message.Message,
        reply: dns.message.Message,
        name: dns.name.Name,
        rdtype: dns.rdatatype.RdataType,
    ) -> None:
        secure = True
        for _ in range(_CNAME_STEPS):
            secure = secure and any(name.is_subdomain(zone) for zone in self._signed)
            found = self._records.get((name, rdtype))
            alias = self._records.get((name, dns.rdatatype.CNAME))
            if found is not None:
                reply.answer.append(found)
                break
            if alias is None:
                if not self._exists(name):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                break
            reply.answer.append(alias)
            name = alias[0].target.canonicalize()
        else:
            reply.answer.clear()
            reply.set_rcode(dns.rcode.SERVFAIL)
        # AD only to who shows that it understands the flag (RFC 6840 §5.7).
        if secure and (query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO):
            reply.flags |= dns.flags.AD

    def _exists(self, name: dns.name.Name) -> bool:
        """Whether there is such a name. One with something below it exists, empty (RFC 8020 §2)."""
        if self._names is None:
            self._names = set()
            for known, _ in self._records:
                while known not in self._names:
                    self._names.add(known)
                    if known == dns.name.root:
                        break
                    known = known.parent()
        return name in self._names


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: FakeDns) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.answer(data, "udp")
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text).canonicalize()


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)


def _type(text: str | None) -> dns.rdatatype.RdataType | None:
    return None if text is None else dns.rdatatype.from_text(text)


def _txt(value: str) -> str:
    """One TXT record in zone-file form; a character-string holds up to 255 bytes (RFC 1035 §3.3)."""
    raw = value.encode()
    pieces = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in piece) + '"' for piece in pieces)
