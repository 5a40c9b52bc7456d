"""Load generator and counting sink for mail benchmarks, loopback only.

    python -m bench.wire sink --port 2526 --expect 20000            count arrivals, print JSON, exit
    python -m bench.wire send --port 2525 --count 20000 --conns 20  submit over SMTP, print JSON
    python -m bench.wire http --url http://127.0.0.1:8000/send ...  submit over HTTP keep-alive, print JSON
    python -m bench.wire stat --port 2526                           ask a running sink for its counts
    python -m bench.wire verify --acked FILE --ids FILE             every acknowledged id arrived once?

Every message that `send` and `http` make carries the token
    loadid-<run>-<seq>-<monotonic microseconds at sending>
in a header (send: Message-ID and X-Load-Id; http: wherever the body template says {token}).
The sink looks for it in the whole message, so it can tell which ids arrived, how often, and how
long each took; it survives any relay that keeps one header or the subject as it is.

Standard library only; uvloop is used where it is installed (--loop asyncio turns it off).
Every address must be in 127.0.0.0/8, and every run ends by itself (--max-time).
"""

import argparse
import asyncio
import base64
import json
import os
import re
import socket
import time
from urllib.parse import quote_plus, urlsplit

from postwright.testing.dns import FakeDns

from .common import loopback, now_us, run_loop
from .http import Poster
from .load import Submitter, drive, payload
from .sink import check, sink_main


def prepare(options):
    options.run = options.run.encode()
    if not re.fullmatch(rb"[0-9A-Za-z]+", options.run):
        raise SystemExit("--run: letters and digits only")
    options.sender = options.sender.encode()
    options.body = payload(options.size)
    options.date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()).encode()
    if options.spread > 1:
        name = options.domain.encode()
        options.domains = [b"d%d.%s" % (n, name) for n in range(options.spread)]
    else:
        options.domains = [options.domain.encode()]


def prepare_http(options):
    url = urlsplit(options.url)
    options.host = loopback(url.hostname)
    options.port = url.port or 80
    options.run = options.run.encode()
    body = payload(options.size).decode()
    if options.template:
        with open(options.template, "rb") as source:
            template = source.read()
        template = template.replace(b"{body_text}", body.encode())
        template = template.replace(b"{body_form}", quote_plus(body).encode())
        template = template.replace(b"{body_json}", json.dumps(body)[1:-1].encode())
        options.template = template.strip()
    else:
        options.template = b"{token}"
    path = url.path or "/"
    if url.query:
        path += "?" + url.query
    lines = [f"POST {path} HTTP/1.1", f"Host: {url.netloc}", f"Content-Type: {options.type}"]
    lines += options.header
    if options.auth:
        lines.append("Authorization: Basic " + base64.b64encode(options.auth.encode()).decode())
    options.head = ("\r\n".join(lines) + "\r\n").encode()


def command_sink(options):
    loopback(options.host)
    if options.save:
        os.makedirs(options.save, exist_ok=True)
    row, row_loop = run_loop(sink_main(options), options.loop)
    row["loop"] = row_loop
    return row


def command_send(options):
    loopback(options.host)
    prepare(options)
    row, row_loop = run_loop(drive(options, Submitter), options.loop)
    row["loop"] = row_loop
    return row


def command_http(options):
    prepare_http(options)
    row, row_loop = run_loop(drive(options, Poster), options.loop)
    row["loop"] = row_loop
    return row


def command_stat(options):
    with socket.create_connection((loopback(options.host), options.port), timeout=5) as conn:
        stream = conn.makefile("rb")
        stream.readline()
        conn.sendall(b"XSTAT\r\n")
        return json.loads(stream.readline()[4:])


def command_dns(options):
    """Answers for invented domains until it is killed; its address is the first line."""

    async def serve():
        async with FakeDns() as fake:
            for n in range(options.domains):
                fake.set(f"d{n}.test", "MX", f"10 mx.d{n}.test.")
                fake.set(f"mx.d{n}.test", "A", options.mx)
            fake.set("slow.test", "MX", "10 mx.slow.test.")
            fake.set("mx.slow.test", "A", options.slow_mx)
            print(fake.address, flush=True)
            await asyncio.Event().wait()

    asyncio.run(serve())


def command_verify(options):
    runs = {}
    with open(options.ids) as source:
        for line in source:
            run, seq, times = line.split()
            runs.setdefault(run, {})[int(seq)] = int(times)
    wanted = {}
    with open(options.acked) as source:
        for line in source:
            run, seq = line.split()
            wanted.setdefault(run, []).append(int(seq))
    row = {}
    for run, seqs in wanted.items():
        seen = runs.get(run, {})
        counts = bytearray(max([*seen, *seqs]) + 1)
        for seq, times in seen.items():
            counts[seq] = min(times, 255)
        row[run] = check(counts, seqs)
        row[run]["acknowledged"] = len(seqs)
        row[run]["arrived_unacknowledged"] = len(set(seen) - set(seqs))
    row["exactly_once"] = bool(row) and all(part["exactly_once"] for part in row.values())
    return row


def parser():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True)

    def verb(name, call, port=None):
        part = verbs.add_parser(name)
        part.set_defaults(call=call)
        if port:
            part.add_argument("--host", default="127.0.0.1")
            part.add_argument("--port", type=int, default=port)
        part.add_argument("--loop", choices=["auto", "asyncio", "uvloop"], default="auto")
        return part

    part = verb("sink", command_sink, 2526)
    part.add_argument("--expect", type=int, default=0, help="stop after this many messages")
    part.add_argument("--linger", type=float, default=0.3, help="... and wait for late doubles")
    part.add_argument("--idle", type=float, default=0, help="stop this long after the last one")
    part.add_argument("--max-time", type=float, default=900)
    part.add_argument("--no-ids", action="store_true", help="do not look for ids (faster)")
    part.add_argument("--ids", help="write 'run seq times' for each id to this file")
    part.add_argument("--header", action="append", default=[], help="count messages with it")
    part.add_argument("--save", help="folder for the first --save-count messages")
    part.add_argument("--save-count", type=int, default=1)
    part.add_argument("--tempfail", type=float, default=0, help="share answered 451")
    part.add_argument("--delay-ms", type=float, default=0, help="wait before the last 250")
    part.add_argument("--no-pipelining", action="store_true", help="do not offer it")
    part.add_argument("--tls", action="store_true", help="offer STARTTLS, with a certificate made just now")

    part = verb("dns", command_dns)
    part.add_argument("--domains", type=int, default=1000, help="d0.test to ...")
    part.add_argument("--mx", default="127.0.0.2", help="address of their MX hosts")
    part.add_argument("--slow-mx", default="127.0.0.3", help="address of the MX host of slow.test")

    def load(part):
        part.add_argument("--count", type=int, default=20000)
        part.add_argument("--conns", type=int, default=20)
        part.add_argument("--size", type=int, default=10240, help="body bytes, headers extra")
        part.add_argument("--rate", type=float, default=0, help="messages/s at most (0: no limit)")
        part.add_argument("--run", default=f"{os.getpid():x}x{now_us() % 0xFFFFFF:x}")
        part.add_argument("--auth", help="user:secret")
        part.add_argument("--acked", help="write 'run seq' for each accepted message here")
        part.add_argument("--reconnects", type=int, default=20, help="in vain, one after another")
        part.add_argument("--max-time", type=float, default=900)

    part = verb("send", command_send, 2525)
    load(part)
    part.add_argument("--per-conn", type=int, default=0, help="messages a connection (0: all)")
    part.add_argument("--pipelining", action="store_true")
    part.add_argument("--sender", default="sender@bench.test")
    part.add_argument("--domain", default="sink.test")
    part.add_argument("--spread", type=int, default=1, help="over this many recipient domains")
    part.add_argument("--users", type=int, default=1000)

    part = verb("http", command_http)
    load(part)
    part.add_argument("--url", required=True)
    part.add_argument("--spread", type=int, default=1, help="{n} in the template counts to this")
    part.add_argument("--template", help="file: request body with {token} {body_form} {body_json}")
    part.add_argument("--type", default="application/x-www-form-urlencoded")
    part.add_argument("--header", action="append", default=[], help="'Name: value'")

    verb("stat", command_stat, 2526)
    part = verb("verify", command_verify)
    part.add_argument("--acked", required=True)
    part.add_argument("--ids", required=True)
    return top


if __name__ == "__main__":
    chosen = parser().parse_args()
    print(json.dumps(chosen.call(chosen)), flush=True)
