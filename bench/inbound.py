"""Mail that comes in: over SMTP through the MX door, durable before the 250, to a route that stores it.

    python -m bench.inbound [--count 5000] [--conns 16] [--size 10240] [--routes 1]

`msg/s` is until the last 250; `stored msg/s` until the last `stored` event, which the worker writes. `--routes` puts
that many routes before the one that matches.
"""

import argparse
import sqlite3
import time

from .harness import DOMAIN, Server, free_port, result, table, tool

WAIT_SECONDS = 120


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--conns", type=int, default=16)
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--routes", type=int, default=0)
    options = parser.parse_args()
    columns = ("what", "msg/s", "stored msg/s", "CPU µs/msg", "p50 ms", "p99 ms", "refused", "peak MB")
    table([ours(options)], columns)


def ours(options):
    mx = free_port()
    server = Server(mx=f"127.0.0.1:{mx}")
    try:
        for number in range(options.routes):
            add_route(server, number, rf'match_recipient("nobody{number}-(.*)@{DOMAIN}")')
        add_route(server, options.routes, f'match_recipient(".*@{DOMAIN}")')
        began = time.monotonic()
        sent = result(
            tool("send", "--port", mx, "--count", options.count, "--size", options.size, "--conns", options.conns,
                 "--domain", DOMAIN, "--per-conn", 50)
        )  # fmt: skip
        done = sum(sent["refused"].values())
        seconds = wait_stored(server, options.count - done, began)
        return {
            "what": f"MX to a store route, {options.routes + 1} routes",
            "msg/s": sent["rate_per_s"],
            "stored msg/s": round((options.count - done) / seconds),
            "CPU µs/msg": round(server.cpu_since_start() / options.count * 1e6),
            "p50 ms": sent["latency_ms"]["p50"],
            "p99 ms": sent["latency_ms"]["p99"],
            "refused": done,
            "peak MB": server.peak_memory(),
        }
    finally:
        server.stop()


def add_route(server, priority, expression):
    fields = {"priority": priority, "expression": expression, "action": "store()"}
    server.call("POST", "/v3/routes", fields)


def wait_stored(server, count, began):
    """Seconds from `began` until so many messages were dealt with."""
    store = sqlite3.connect(f"file:{server.data}/state.db?mode=ro", uri=True)
    while time.monotonic() < began + WAIT_SECONDS:
        (found,) = store.execute("SELECT count(*) FROM events WHERE name = 'stored'").fetchone()
        if found >= count:
            return time.monotonic() - began
        time.sleep(0.1)
    raise SystemExit(f"{found} of {count} messages were stored")


if __name__ == "__main__":
    main()
