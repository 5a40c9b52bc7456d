"""Load: the work to be done, its workers, and the SMTP client session."""

import asyncio
import base64
import time
from array import array
from collections import Counter

from .common import cpu_seconds, now_us, percentiles


class Work:
    """The messages still to submit, and what became of the others."""

    def __init__(self, options):
        self.options = options
        self.next = 0
        self.acked = bytearray(options.count)
        self.ok = 0
        self.refused = Counter()
        self.logins_refused = 0  # the connection is opened again
        self.lost = 0
        self.latency = array("q")
        self.began = time.monotonic()
        self.last = self.began
        self.done = asyncio.Event()
        self.settled = 0

    def take(self):
        if self.next >= self.options.count:
            return None
        seq, self.next = self.next, self.next + 1
        return seq

    def wait(self):
        """Seconds until the next message may go, with --rate."""
        if not self.options.rate:
            return 0
        return self.began + self.next / self.options.rate - time.monotonic()

    def settle(self, seq, sent_us, code):
        self.last = time.monotonic()
        if code is None:
            self.lost += 1
        elif 200 <= code < 300:
            self.ok += 1
            self.acked[seq] = 1
            self.latency.append(now_us() - sent_us)
        else:
            self.refused[code] += 1
        self.settled += 1
        if self.settled >= self.options.count:
            self.done.set()

    def report(self):
        span = self.last - self.began
        return {
            "submitted": self.ok,
            "refused": dict(self.refused),
            "logins_refused": self.logins_refused,
            "lost": self.lost,
            "span_s": round(span, 4),
            "rate_per_s": round(self.ok / span, 1) if span > 0 else None,
            "latency_ms": percentiles(self.latency),
            "first_monotonic": self.began,
            "last_monotonic": self.last,
            "cpu_s": round(cpu_seconds(), 2),
        }


def payload(size):
    line = b"The quick brown fox jumps over the lazy dog and runs home before the rain.\r\n"
    text = (line * (size // len(line) + 1))[:size]
    if size >= 2:
        text = text[:-2].rstrip(b"\r\n").ljust(size - 2, b".") + b"\r\n"
    return text


class Submitter(asyncio.Protocol):
    """One SMTP client session; waits for each reply unless --pipelining."""

    def __init__(self, work, finished):
        self.work = work
        self.options = work.options
        self.finished = finished
        self.buf = b""
        self.seq = None
        self.sent = 0
        self.pipelining = False
        self.step = self.greeted

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        if self.seq is not None:
            self.work.settle(self.seq, self.started, None)
            self.seq = None
        if not self.finished.done():
            self.finished.set_result(None)

    def data_received(self, data):
        if self.buf:
            data = self.buf + data
        pos = 0
        while True:
            end = data.find(b"\r\n", pos)
            if end < 0:
                break
            line = data[pos:end]
            pos = end + 2
            if line[3:4] == b"-":
                if line[4:] == b"PIPELINING":
                    self.pipelining = self.options.pipelining
                continue
            self.step(int(line[:3]))
        self.buf = data[pos:]

    def greeted(self, code):
        if code != 220:
            return self.transport.abort()
        self.step = self.ehlo
        self.transport.write(b"EHLO load.test\r\n")

    def ehlo(self, code):
        if code != 250:
            return self.transport.abort()
        if self.options.auth:
            user, _, secret = self.options.auth.partition(":")
            plain = base64.b64encode(f"\0{user}\0{secret}".encode())
            self.step = self.authed
            self.transport.write(b"AUTH PLAIN " + plain + b"\r\n")
        else:
            self.begin()

    def authed(self, code):
        if code != 235:
            self.work.logins_refused += 1
            return self.transport.abort()
        self.begin()

    def begin(self):
        wait = self.work.wait()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self.begin)
            return
        if self.transport.is_closing():
            return
        limit = self.options.per_conn
        seq = None if limit and self.sent >= limit else self.work.take()
        if seq is None:
            self.step = lambda code: self.transport.close()
            self.transport.write(b"QUIT\r\n")
            return
        options = self.options
        self.seq = seq
        self.sent += 1
        self.started = now_us()
        domain = options.domains[seq % len(options.domains)]
        self.rcpt = b"user%d@%s" % (seq % options.users, domain)
        mail = b"MAIL FROM:<%s>\r\n" % options.sender
        if self.pipelining:
            self.step = self.piped_mail
            self.transport.write(mail + b"RCPT TO:<%s>\r\nDATA\r\n" % self.rcpt)
        else:
            self.step = self.mailed
            self.transport.write(mail)

    def piped_mail(self, code):
        self.step = self.piped_rcpt

    def piped_rcpt(self, code):
        self.step = self.ready

    def mailed(self, code):
        if code != 250:
            return self.refuse(code)
        self.step = self.recipient
        self.transport.write(b"RCPT TO:<%s>\r\n" % self.rcpt)

    def recipient(self, code):
        if code != 250 and code != 251:
            return self.refuse(code)
        self.step = self.ready
        self.transport.write(b"DATA\r\n")

    def ready(self, code):
        if code != 354:
            return self.refuse(code)
        options = self.options
        token = b"loadid-%s-%d-%d" % (options.run, self.seq, self.started)
        self.step = self.accepted
        self.transport.write(
            b"From: Load <%s>\r\nTo: <%s>\r\nSubject: load %d\r\n"
            b"Date: %s\r\nMessage-ID: <%s@load.test>\r\nX-Load-Id: %s\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s.\r\n"
            % (options.sender, self.rcpt, self.seq, options.date, token, token, options.body)
        )

    def accepted(self, code):
        seq, self.seq = self.seq, None
        self.work.settle(seq, self.started, code)
        if code == 421:
            self.transport.close()
        else:
            self.begin()

    def refuse(self, code):
        seq, self.seq = self.seq, None
        self.work.settle(seq, self.started, code)
        if code == 421:
            return self.transport.close()
        self.step = lambda code: self.begin()
        self.transport.write(b"RSET\r\n")


async def drive(options, protocol):
    """Keeps --conns sessions open until every message is settled."""
    work = Work(options)
    loop = asyncio.get_running_loop()
    opened = failed = 0

    async def worker():
        nonlocal opened, failed
        tries = 0
        while work.next < options.count and tries < options.reconnects:
            finished = loop.create_future()
            before = work.settled
            try:
                await loop.create_connection(lambda: protocol(work, finished), options.host, options.port)
            except OSError:
                failed += 1
                tries += 1
                await asyncio.sleep(0.05)
                continue
            opened += 1
            await finished
            tries = tries + 1 if work.settled == before else 0

    tasks = [asyncio.create_task(worker()) for _ in range(min(options.conns, options.count))]
    await asyncio.wait(tasks, timeout=options.max_time)
    for task in tasks:
        task.cancel()
    row = work.report()
    row["connections"] = opened
    row["connect_failures"] = failed
    row["unsettled"] = options.count - work.settled
    if options.acked:
        with open(options.acked, "w") as out:
            for seq in range(options.count):
                if work.acked[seq]:
                    out.write(f"{options.run.decode()} {seq}\n")
    return row
