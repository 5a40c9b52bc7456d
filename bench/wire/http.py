"""Load over HTTP/1.1 keep-alive."""

import asyncio
import sys

from .common import now_us


class Poster(asyncio.Protocol):
    """One HTTP/1.1 keep-alive client; reopened by its worker when the server closes it."""

    def __init__(self, work, finished):
        self.work = work
        self.options = work.options
        self.finished = finished
        self.buf = b""
        self.seq = None
        self.closing = False

    def connection_made(self, transport):
        self.transport = transport
        self.begin()

    def connection_lost(self, exc):
        if self.seq is not None:
            # a reply without a length ends with the connection
            head = self.buf.startswith(b"HTTP/") and b"\r\n\r\n" in self.buf
            self.work.settle(self.seq, self.started, int(self.buf[9:12]) if head else None)
            self.seq = None
        if not self.finished.done():
            self.finished.set_result(None)

    def begin(self):
        wait = self.work.wait()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self.begin)
            return
        if self.transport.is_closing():
            return
        seq = self.work.take()
        if seq is None:
            self.transport.close()
            return
        options = self.options
        self.seq = seq
        self.started = now_us()
        token = b"loadid-%s-%d-%d" % (options.run, seq, self.started)
        body = options.template.replace(b"{token}", token).replace(b"{seq}", b"%d" % seq)
        body = body.replace(b"{n}", b"%d" % (seq % options.spread))
        self.transport.write(b"%sContent-Length: %d\r\n\r\n%s" % (options.head, len(body), body))

    def data_received(self, data):
        self.buf += data
        end = self.buf.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buf[: end + 2].lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            if not self.buf.endswith(b"0\r\n\r\n"):
                return
        else:
            at = head.find(b"\r\ncontent-length:")
            if at < 0:
                return
            length = int(head[at + 17 : head.find(b"\r\n", at + 2)])
            if len(self.buf) < end + 4 + length:
                return
        code = int(self.buf[9:12])
        close = b"\r\nconnection: close\r\n" in head or (
            head.startswith(b"http/1.0") and b"\r\nconnection: keep-alive\r\n" not in head
        )
        if code >= 400 and not self.work.refused[code]:
            print("first refusal: " + self.buf[:600].decode("latin-1"), file=sys.stderr)
        self.buf = b""
        seq, self.seq = self.seq, None
        self.work.settle(seq, self.started, code)
        if close:
            self.transport.close()
        else:
            self.begin()
