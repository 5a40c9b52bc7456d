"""Clicks a second: followed links of real messages, each answered 302 and told as an event, exactly once.

    python -m bench.track [--hits 20000] [--conns 32] [--processes 1]

Beside it, in this process: what keeping a hit costs in the journal, and what waiting for the store's own commit would
cost instead (`--conns` waiting at once).
"""

import argparse
import asyncio
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from postwright.kernel.clock import Clock
from postwright.kernel.db import open_db
from postwright.kernel.db.migrate import migrate
from postwright.kernel.secrets import Vault
from postwright.tracking import Places, Recorder, Tokens
from postwright.tracking.journal import Hit
from postwright.tracking.tokens import Click, domain_octets, pack_id

from .harness import DOMAIN, Server, table

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
MESSAGES = 50
LINKS = 200  # different links of a message


class Client(asyncio.Protocol):
    """One connection that follows one link after another."""

    def __init__(self, paths, spent, done):
        self.paths, self.spent, self.done = paths, spent, done
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.next()

    def next(self):
        path = next(self.paths, None)
        if path is None:
            self.transport.close()
            self.done.set_result(None)
            return
        self.began = time.perf_counter()
        self.transport.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\n\r\n".encode()
        )

    def data_received(self, data):
        self.buffer += data
        if b"\r\n\r\n" in self.buffer:
            assert self.buffer.startswith(b"HTTP/1.1 302"), self.buffer
            self.spent.append(time.perf_counter() - self.began)
            self.buffer = b""
            self.next()


async def follow(port, paths, conns):
    loop = asyncio.get_running_loop()
    source, spent = iter(paths), []
    ends = [loop.create_future() for _ in range(conns)]
    for end in ends:
        await loop.create_connection(lambda end=end: Client(source, spent, end), "127.0.0.1", port)
    await asyncio.gather(*ends)
    return spent


def load(port, paths, conns, answers):
    began = time.perf_counter()
    spent = asyncio.run(follow(port, paths, conns))
    answers.put((time.perf_counter() - began, spent))


def served(options):
    server = Server(http_processes=options.processes)
    try:
        ids = [
            server.call(
                "POST",
                f"/v3/{DOMAIN}/messages",
                {"from": f"a@{DOMAIN}", "to": f"u{n}@sink.test", "text": "x"},
            )
            for n in range(MESSAGES)
        ]
        domain_id = server.call("GET", f"/v4/domains/{DOMAIN}")["domain"]["id"]
        tokens = Tokens(Vault.from_file(server.data / "secret.key"))
        paths = []
        for n in range(options.hits):
            who = n % MESSAGES
            message = pack_id(ids[who]["id"].strip("<>"), DOMAIN)
            url = f"https://shop.example/item?id={n % LINKS}&utm_source=mail"
            token = Click(domain_octets(domain_id), message, f"u{who}@sink.test", url)
            paths.append("/c/" + tokens.seal("c", "127.0.0.1", token))
        cpu = server.cpu()
        answers = multiprocessing.Queue()
        process = multiprocessing.Process(target=load, args=(server.http, paths, options.conns, answers))
        began = time.perf_counter()
        process.start()
        seconds, spent = answers.get(timeout=300)
        process.join()
        store = sqlite3.connect(f"file:{server.data}/state.db?mode=ro", uri=True)
        while True:
            (told,) = store.execute("SELECT count(*) FROM events WHERE name = 'clicked'").fetchone()
            if told >= options.hits or time.perf_counter() - began > 120:
                break
            time.sleep(0.05)
        everything = time.perf_counter() - began
        used = server.cpu() - cpu
        spent.sort()
        return {
            "answered hits/s": round(options.hits / seconds),
            "p50 ms": round(statistics.median(spent) * 1e3, 2),
            "p99 ms": round(spent[len(spent) * 99 // 100] * 1e3, 2),
            "told hits/s": round(options.hits / everything),
            "exactly once": told == options.hits,
            "CPU µs/hit": round(used / options.hits * 1e6),
            "peak MB": server.peak_memory(),
        }
    finally:
        server.stop()


async def kept(options):
    folder = Path(tempfile.mkdtemp())
    migrate("sqlite", folder)
    db = open_db("sqlite", folder)
    recorder = Recorder(db=db, clock=Clock(), folder=folder / "hits", places=Places())
    hit = Hit(
        0, "clicked", bytes(12), b"\0x@y", "bob@sink.test", "https://shop.example/", "192.0.2.1", AGENT, False
    )
    began = time.perf_counter()
    for _ in range(2000):
        recorder.take(hit)
    journal = (time.perf_counter() - began) / 2000
    spent = []

    async def one():
        for _ in range(20):
            start = time.perf_counter()
            await db.write(recorder._store, "x", 0, [hit])
            spent.append(time.perf_counter() - start)

    await asyncio.gather(*(one() for _ in range(options.conns)))
    await db.close()
    return {
        "journal µs": round(journal * 1e6, 1),
        "commit p50 ms": round(statistics.median(spent) * 1e3, 2),
        "commit max ms": round(max(spent) * 1e3, 1),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hits", type=int, default=20_000)
    parser.add_argument("--conns", type=int, default=32)
    parser.add_argument("--processes", type=int, default=1, help="HTTP processes")
    options = parser.parse_args()
    row = served(options)
    table([row], tuple(row))
    row = asyncio.run(kept(options))
    table([row], tuple(row))


if __name__ == "__main__":
    main()
