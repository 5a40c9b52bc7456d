"""A counting SMTP sink: accepts everything, keeps nothing, knows which load ids arrived and how often."""

import asyncio
import json
import os
import random
import signal
import ssl
import sys
import tempfile
import time
from array import array
from collections import Counter
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .common import END, MAX_LINE, TOKEN, cpu_seconds, percentiles


class Tally:
    """What a sink has seen."""

    def __init__(self, options):
        self.options = options
        self.messages = self.recipients = self.bytes = 0
        self.connections = self.open = self.peak_open = 0
        self.tempfailed = self.without_id = 0
        self.first = self.last = None
        self.seconds = Counter()
        self.headers = Counter()
        self.wanted = [(h, b"\n" + h.lower().encode() + b":") for h in options.header]
        self.runs = {}
        self.latency = array("q")
        self.changed = asyncio.Event()
        self.tls = certified() if options.tls else None

    def arrived(self, raw, recipients):
        stamp = time.monotonic()
        if self.first is None:
            self.first = stamp
        self.last = stamp
        self.messages += 1
        self.recipients += recipients
        self.bytes += len(raw)
        self.seconds[int(stamp - self.first)] += 1
        if not self.options.no_ids:
            found = TOKEN.search(raw)
            if found is None:
                self.without_id += 1
            else:
                run, seq = found[1], int(found[2])
                counts = self.runs.get(run)
                if counts is None:
                    counts = self.runs[run] = bytearray(max(self.options.expect, 4096))
                if seq >= len(counts):
                    counts.extend(bytes(min(seq, 10_000_000) + 4096 - len(counts)))
                if seq < len(counts):
                    counts[seq] = min(counts[seq] + 1, 255)
                self.latency.append(int(stamp * 1e6) - int(found[3]))
        if self.wanted:
            cut = raw.find(b"\r\n\r\n")
            head = b"\n" + (raw[:cut] if cut >= 0 else raw).lower()
            for name, needle in self.wanted:
                if needle in head:
                    self.headers[name] += 1
        if self.options.save and self.messages <= self.options.save_count:
            name = os.path.join(self.options.save, f"{self.messages:06d}.eml")
            with open(name, "wb") as out:
                out.write(raw)
        if self.options.expect and self.messages >= self.options.expect:
            self.changed.set()

    def report(self, full=True):
        span = (self.last - self.first) if self.messages > 1 else 0.0
        row = {
            "messages": self.messages,
            "recipients": self.recipients,
            "bytes": self.bytes,
            "connections": self.connections,
            "peak_open": self.peak_open,
            "tempfailed": self.tempfailed,
            "span_s": round(span, 4),
            "rate_per_s": round((self.messages - 1) / span, 1) if span else None,
            "first_monotonic": self.first,
            "last_monotonic": self.last,
        }
        if not full:
            return row
        row["peak_second"] = max(self.seconds.values(), default=0)
        row["cpu_s"] = round(cpu_seconds(), 2)
        row["latency_ms"] = percentiles(self.latency)
        if self.wanted:
            row["headers"] = {name: self.headers[name] for name, _ in self.wanted}
        if not self.options.no_ids:
            row["without_id"] = self.without_id
            row["ids"] = {
                run.decode(): check(counts, range(self.options.expect or extent(counts)))
                for run, counts in self.runs.items()
            }
        return row


def certified():
    """A server context with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    )
    made = builder.sign(key, hashes.SHA256())
    with tempfile.NamedTemporaryFile() as file:
        form = serialization.PrivateFormat.PKCS8
        file.write(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        file.write(made.public_bytes(serialization.Encoding.PEM))
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context


def extent(counts):
    return len(counts.rstrip(b"\0"))


def check(counts, wanted):
    """Compares how often each id arrived with the ids that should have."""
    size = len(counts)
    missing = [n for n in wanted if n >= size or not counts[n]]
    twice = [n for n in range(size) if counts[n] > 1]
    return {
        "unique": sum(1 for c in counts if c),
        "missing": len(missing),
        "duplicated": len(twice),
        "missing_first": missing[:10],
        "duplicated_first": twice[:10],
        "exactly_once": not missing and not twice,
    }


class Sink(asyncio.Protocol):
    """One SMTP session that accepts everything and keeps nothing."""

    def __init__(self, tally):
        self.tally = tally
        self.options = tally.options
        self.buf = b""
        self.body = None
        self.recipients = 0
        self.secure = False

    async def upgrade(self):
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self.transport, self, self.tally.tls, server_side=True)
        except OSError:
            return
        self.transport, self.secure = transport, True

    def connection_made(self, transport):
        self.transport = transport
        tally = self.tally
        tally.connections += 1
        tally.open += 1
        tally.peak_open = max(tally.peak_open, tally.open)
        transport.write(b"220 sink.test ESMTP\r\n")

    def connection_lost(self, exc):
        self.tally.open -= 1

    def data_received(self, data):
        if self.buf:
            data = self.buf + data
            self.buf = b""
        out = []
        pos = 0
        while pos < len(data):
            if self.body is not None:
                # the two bytes before the body count, so that an empty body ends too
                self.body += data[pos:]
                at = self.body.find(END, max(0, len(self.body) - (len(data) - pos) - 4))
                if at < 0:
                    break
                pos = len(data) - (len(self.body) - at - len(END))
                raw = bytes(memoryview(self.body)[2 : at + 2])
                self.body = None
                self.finish(raw, out)
                continue
            end = data.find(b"\n", pos)
            if end < 0:
                self.buf = data[pos:]
                if len(self.buf) > MAX_LINE:
                    self.transport.abort()
                break
            self.command(data[pos:end], out)
            pos = end + 1
        if out:
            self.transport.write(b"".join(out))
        if self.transport.is_closing():
            self.buf = b""

    def command(self, line, out):
        verb = line[:4].upper()
        if verb == b"MAIL":
            self.recipients = 0
            out.append(b"250 2.1.0 Ok\r\n")
        elif verb == b"RCPT":
            self.recipients += 1
            out.append(b"250 2.1.5 Ok\r\n")
        elif verb == b"DATA":
            if self.recipients:
                self.body = bytearray(b"\r\n")
                out.append(b"354 End data with <CR><LF>.<CR><LF>\r\n")
            else:
                out.append(b"503 5.5.1 RCPT first\r\n")
        elif verb == b"EHLO":
            out.append(b"250-sink.test\r\n")
            if not self.options.no_pipelining:
                out.append(b"250-PIPELINING\r\n")
            if self.tally.tls is not None and not self.secure:
                out.append(b"250-STARTTLS\r\n")
            out.append(b"250-8BITMIME\r\n250 SIZE 52428800\r\n")
        elif verb == b"STAR" and self.tally.tls is not None and not self.secure:
            self.transport.write(b"220 2.0.0 Go ahead\r\n")
            self.upgrading = asyncio.get_running_loop().create_task(self.upgrade())
        elif verb == b"HELO" or verb == b"NOOP":
            out.append(b"250 2.0.0 Ok\r\n")
        elif verb == b"RSET":
            self.recipients = 0
            out.append(b"250 2.0.0 Ok\r\n")
        elif verb == b"QUIT":
            out.append(b"221 2.0.0 Bye\r\n")
            self.transport.write(b"".join(out))
            out.clear()
            self.transport.close()
        elif verb == b"XSTA":
            out.append(b"250 " + json.dumps(self.tally.report(full=False)).encode() + b"\r\n")
        else:
            out.append(b"502 5.5.2 Unknown command\r\n")

    def finish(self, raw, out):
        recipients, self.recipients = self.recipients, 0
        if self.options.tempfail and random.random() < self.options.tempfail:
            self.tally.tempfailed += 1
            out.append(b"451 4.3.0 Try again later\r\n")
            return
        if self.options.delay_ms:
            # the reply waits; the client does too, as it has nothing to say before it
            loop = asyncio.get_running_loop()
            loop.call_later(self.options.delay_ms / 1000, self.late, raw, recipients)
            return
        self.tally.arrived(raw, recipients)
        out.append(b"250 2.0.0 Ok: discarded\r\n")

    def late(self, raw, recipients):
        if not self.transport.is_closing():
            self.tally.arrived(raw, recipients)
            self.transport.write(b"250 2.0.0 Ok: discarded\r\n")


async def sink_main(options, ready=None):
    tally = Tally(options)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    server = await loop.create_server(
        lambda: Sink(tally), options.host, options.port, backlog=1024, reuse_address=True
    )
    if ready:
        ready.set()
    print(f"sink on {options.host}:{options.port}", file=sys.stderr, flush=True)
    began = time.monotonic()
    ended = "max-time"
    while time.monotonic() - began < options.max_time:
        if stop.is_set():
            ended = "signal"
            break
        if tally.changed.is_set():
            ended = "expected count"
            await asyncio.sleep(options.linger)
            break
        if options.idle and tally.last and time.monotonic() - tally.last > options.idle:
            ended = "idle"
            break
        await asyncio.sleep(0.02)
    server.close()
    row = tally.report()
    row["ended"] = ended
    if options.ids:
        with open(options.ids, "w") as out:
            for run, counts in tally.runs.items():
                for seq, times in enumerate(counts):
                    if times:
                        out.write(f"{run.decode()} {seq} {times}\n")
    return row
