"""A long queue: the memory of every process, and how fast mail still leaves.

    python -m bench.queued [--rows 1000000] [--sent 1500] [--most 500]

One message is accepted for 1,000 recipients; its rows are copied in the database until there are so many, of 100
recipient domains and 50 accounts. Then delivery starts, to a sink that takes all. The rate is that of the first
`sent` messages to arrive. Memory is the most that was seen, of each process and of all together; more than `most` MB
together is a failure (exit status 1).
"""

import argparse
import json
import sqlite3
import threading
import time
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

from .harness import DOMAIN, Server, Sink, children, role_of, table

RECIPIENTS = 1000
LOOK_SECONDS = 0.5
STAY_SECONDS = 20.0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sent", type=int, default=1_500)
    parser.add_argument("--most", type=int, default=500, help="MB of all processes together")
    options = parser.parse_args()
    sink = Sink(options.sent)
    server = Server(delivery=f"smarthost:127.0.0.1:{sink.port}", roles="http")
    try:
        accept(server)
        server.end()
        filled = fill(server.data / "state.db", options.rows)
        server.start(roles="http,smtp,delivery,projector")
        memory = Memory(server)
        began = server.cpu()
        seen = sink.result()
        used = server.cpu() - began
        time.sleep(STAY_SECONDS)  # for what looks at the whole queue now and then
        held = memory.end()
        row = {
            "rows": options.rows,
            "fill s": filled,
            "msg/s": seen["rate_per_s"],
            "CPU µs/msg": round(used / options.sent * 1e6),
            "database MB": round((server.data / "state.db").stat().st_size / 1e6),
        }
        table([row | held], (*row, *held))
        print(json.dumps(seen))
        if held["all MB"] > options.most:
            raise SystemExit(f"{held['all MB']} MB are more than {options.most}")
    finally:
        server.stop()
        sink.process.kill()


def accept(server):
    fields = [("from", f"a@{DOMAIN}"), ("subject", "Hi"), ("text", "x" * 10_000)]
    fields += [("to", f"user{n}@d{n % 100}.test") for n in range(RECIPIENTS)]
    request = urllib.request.Request(
        server.url(f"/v3/{DOMAIN}/messages"),
        urllib.parse.urlencode(fields).encode(),
        {"Authorization": "Basic " + b64encode(f"api:{server.key}".encode()).decode()},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def fill(path, rows):
    """Copy the rows of the queue until there are `rows`; seconds it took."""
    began = time.monotonic()
    store = sqlite3.connect(path)
    columns = [row[1] for row in store.execute("PRAGMA table_info(queue)")]
    chosen = ", ".join(
        {"id": "id + :n * 10000", "account_id": "account_id || (:n % 50)"}.get(name, name) for name in columns
    )
    store.execute("CREATE TEMP TABLE model AS SELECT * FROM queue")
    for number in range(1, rows // RECIPIENTS):
        store.execute(f"INSERT INTO queue SELECT {chosen} FROM model", {"n": number})
    store.commit()
    store.close()
    return round(time.monotonic() - began, 1)


class Memory(threading.Thread):
    """Looks every now and then what each process holds: pages that several share count in parts (PSS), in MB."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self._server = server
        self._done = threading.Event()
        self.most = {}  # of each role, and of all together at one time
        self.start()

    def run(self):
        parent = self._server.process.pid
        while not self._done.wait(LOOK_SECONDS):
            held = {}
            for pid in (parent, *children(parent)):
                try:
                    role = "supervisor" if pid == parent else role_of(pid)
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                except OSError:
                    continue  # it ends
                held[role] = held.get(role, 0) + int(rollup.partition("\nPss:")[2].split()[0]) / 1024
            held["all"] = sum(held.values())
            for role, size in held.items():
                self.most[role] = max(self.most.get(role, 0), size)

    def end(self):
        self._done.set()
        self.join()
        return {f"{role} MB": round(size) for role, size in sorted(self.most.items())}


if __name__ == "__main__":
    main()
