"""A long queue: the memory of every process, and how fast mail still leaves.

    python -m bench.queued [--rows 1000000] [--sent 1500]

One message is accepted for 1,000 recipients; its rows are copied in the database until there are so many, of 100
recipient domains and 50 accounts. Then delivery starts, to a sink that takes all. The rate is that of the first
`sent` messages to arrive.
"""

import argparse
import json
import sqlite3
import time
import urllib.parse
import urllib.request
from base64 import b64encode

from .harness import DOMAIN, Server, Sink, children, table

RECIPIENTS = 1000


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sent", type=int, default=1_500)
    options = parser.parse_args()
    sink = Sink(options.sent)
    server = Server(delivery=f"smarthost:127.0.0.1:{sink.port}", roles="http")
    try:
        accept(server)
        server.end()
        filled = fill(server.data / "state.db", options.rows)
        server.start(roles="http,smtp,delivery,projector")
        began = server.cpu()
        seen = sink.result()
        used = sum(server.cpu().values()) - sum(began.values())
        time.sleep(2)  # for what looks at the whole queue now and then
        row = {
            "rows": options.rows,
            "fill s": filled,
            "msg/s": seen["rate_per_s"],
            "CPU µs/msg": round(used / options.sent * 1e6),
            "database MB": round((server.data / "state.db").stat().st_size / 1e6),
        }
        table([row | memory(server)], (*row, *memory(server)))
        print(json.dumps(seen))
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


def memory(server):
    """Peak resident size of each role's process, in MB."""
    found = {}
    for pid, role in zip(
        children(server.process.pid), ("http", "smtp", "delivery", "projector"), strict=True
    ):
        with open(f"/proc/{pid}/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM"))
        found[f"{role} MB"] = round(int(peak.split()[1]) / 1024)
    return found


if __name__ == "__main__":
    main()
