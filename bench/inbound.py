"""How fast mail comes in through MX, durably: 10 KB each to a login, whose mail is stored; nobody judges it.

    python -m bench.inbound [--count 3000] [--conns 20] [--size 10240] [--route]

`--route` sends to an address with a `store()` route instead. The second figure is the time until every message was
dealt with by its handlers.
"""

import argparse
import base64
import json
import time
import urllib.parse
import urllib.request

from .harness import DOMAIN, Server, result, table, tool


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=3_000)
    parser.add_argument("--conns", type=int, default=20)
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--route", action="store_true")
    options = parser.parse_args()
    server = Server(roles="http,smtp,projector")
    try:
        if options.route:
            call(server, "/v3/routes", expression="match_recipient('user.*')", action="store()")
            to = ("--domain", DOMAIN)
        else:
            login = {"login": f"user0@{DOMAIN}", "password": "secret-password"}
            call(server, f"/v3/domains/{DOMAIN}/credentials", **login)
            to = ("--domain", DOMAIN, "--users", 1)
        began = time.monotonic()
        sent = result(
            tool("send", "--port", server.mx, "--count", options.count, "--size", options.size,
                 "--conns", options.conns, "--pipelining", "--per-conn", 100, *to)
        )  # fmt: skip
        while call(server, f"/v3/{DOMAIN}/events?event=stored&limit=1&ascending=yes") == []:
            time.sleep(0.05)
        while stored(server) < options.count - sum(sent["refused"].values()):
            time.sleep(0.1)
        table(
            [
                {
                    "what": "MX, store route" if options.route else "MX, stored",
                    "msg/s": sent["rate_per_s"],
                    "dealt with/s": round(options.count / (time.monotonic() - began)),
                    "CPU µs/msg": round(server.cpu_since_start() / options.count * 1e6),
                    "p50 ms": sent["latency_ms"]["p50"],
                    "p99 ms": sent["latency_ms"]["p99"],
                    "refused": sum(sent["refused"].values()),
                    "peak MB": server.peak_memory(),
                }
            ],
            ("what", "msg/s", "dealt with/s", "CPU µs/msg", "p50 ms", "p99 ms", "refused", "peak MB"),
        )
    finally:
        server.stop()


def call(server, path, **fields):
    basic = base64.b64encode(f"api:{server.key}".encode()).decode()
    data = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(server.url(path), data, {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer).get("items", [])


def stored(server):
    """How many `stored` events there are, page by page."""
    total, page = 0, f"/v3/{DOMAIN}/events?event=stored&limit=300&ascending=yes"
    while True:
        basic = base64.b64encode(f"api:{server.key}".encode()).decode()
        request = urllib.request.Request(server.url(page), headers={"Authorization": f"Basic {basic}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        if not found["items"]:
            return total
        total += len(found["items"])
        page = found["paging"]["next"].partition(f":{server.http}")[2]


if __name__ == "__main__":
    main()
