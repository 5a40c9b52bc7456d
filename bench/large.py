"""Messages to a thousand recipients each: the memory of the projector until all their events are in the table.

    python -m bench.large [--messages 50] [--recipients 1000] [--variables] [--most 300]

An event of a message to many names them all, so that the log grows with the square of the recipients. With
`--variables` each recipient has variables of their own, as in a mailing: then an event names one. Memory is PSS (shared
pages in parts) of the projector's process, looked at every second: the most that was seen, what it held while the
second quarter and the last quarter of the time went by (medians), and at the end. More than `most` MB is a failure
(exit status 1).
"""

import argparse
import json
import sqlite3
import statistics
import time
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import deltalake

from .harness import DOMAIN, Server, children, role_of, table

LOOK_SECONDS = 1.0
PATIENCE = 1800.0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=50)
    parser.add_argument("--recipients", type=int, default=1000)
    parser.add_argument("--variables", action="store_true")
    parser.add_argument("--most", type=int, default=300, help="MB of the projector")
    options = parser.parse_args()
    server = Server(delivery="capture", analytics_seal_seconds=5)
    try:
        for _ in range(options.messages):
            accept(server, options.recipients, variables=options.variables)
        began = time.monotonic()
        held = watch(server, options.messages * options.recipients)
        quarter = len(held) // 4
        row = {
            "events": head(server),
            "log MB": round((server.data / "state.db").stat().st_size / 1e6),
            "s": round(time.monotonic() - began),
            "most MB": max(held),
            "2nd quarter": round(statistics.median(held[quarter : 2 * quarter])),
            "last quarter": round(statistics.median(held[-quarter:])),
            "end": held[-1],
        }
        table([row], list(row))
        if row["most MB"] > options.most:
            raise SystemExit(f"{row['most MB']} MB are more than {options.most}")
    finally:
        server.stop()


def accept(server, recipients, *, variables):
    people = [f"user{n}@d{n % 100}.test" for n in range(recipients)]
    fields = [("from", f"a@{DOMAIN}"), ("subject", "Hi"), ("text", "x" * 1000)]
    fields += [("to", each) for each in people]
    if variables:
        fields += [("recipient-variables", json.dumps({each: {"n": n} for n, each in enumerate(people)}))]
    request = urllib.request.Request(
        server.url(f"/v3/{DOMAIN}/messages"),
        urllib.parse.urlencode(fields).encode(),
        {"Authorization": "Basic " + b64encode(f"api:{server.key}".encode()).decode()},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def watch(server, copies):
    """MB of the projector, each second until every copy was delivered and every event is in the table."""
    (projector,) = [pid for pid in children(server.process.pid) if role_of(pid) == "projector"]
    held, deadline = [], time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        rollup = Path(f"/proc/{projector}/smaps_rollup").read_text()
        held.append(round(int(rollup.partition("\nPss:")[2].split()[0]) / 1024))
        if delivered(server) >= copies and sealed(server) >= head(server):
            return held
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"not everything was sealed after {PATIENCE} s; the projector held {held} MB")


def head(server):
    return _ask(server, "SELECT max(seq) FROM events")


def delivered(server):
    return _ask(server, "SELECT count(*) FROM events WHERE name = 'delivered'")


def sealed(server):
    try:
        held = deltalake.DeltaTable(str(server.data / "analytics"))
    except deltalake.exceptions.TableNotFoundError:
        return 0
    return held.transaction_version("postwright.events") or 0


def _ask(server, question):
    store = sqlite3.connect(f"file:{server.data}/state.db?mode=ro", uri=True)
    try:
        return store.execute(question).fetchone()[0] or 0
    finally:
        store.close()


if __name__ == "__main__":
    main()
