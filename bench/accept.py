"""How fast messages are accepted, durably: 10 KB each, nothing delivered meanwhile.

    python -m bench.accept [--count 10000] [--conns 32] [--size 10240] [--doors form,mime,smtp] [--batch 1000]

With `--batch` each call has that many recipients with variables of their own, and `--count` counts recipients.
Beside it, in the same run, the same number of messages through a plain SMTP sink: what generator and machine do.
"""

import argparse
import json

from .harness import DOMAIN, Server, Sink, post_load, result, table, tool, wait_port

DOORS = {"form": "HTTP form", "mime": "HTTP MIME", "smtp": "SMTP"}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--conns", type=int, default=32)
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--doors", default="form", help=f"of {', '.join(DOORS)}")
    parser.add_argument("--batch", type=int, default=0, help="recipients of a call")
    options = parser.parse_args()
    if options.batch:
        columns = ("what", "recipients/s", "CPU µs/recipient", "p50 ms", "p99 ms", "refused", "peak MB")
        return table([batch(options)], columns)
    rows = [plain(options), *(ours(options, door) for door in options.doors.split(","))]
    table(rows, ("what", "msg/s", "CPU µs/msg", "p50 ms", "p99 ms", "refused", "peak MB"))


def plain(options):
    sink = Sink(options.count)
    sent = result(
        tool("send", "--port", sink.port, "--count", options.count, "--size", options.size,
             "--conns", options.conns, "--pipelining")
    )  # fmt: skip
    seen = sink.result()
    return {
        "what": "plain SMTP sink",
        "msg/s": sent["rate_per_s"],
        "CPU µs/msg": round(seen["cpu_s"] / options.count * 1e6),
        "p50 ms": sent["latency_ms"]["p50"],
        "p99 ms": sent["latency_ms"]["p99"],
        "refused": sum(sent["refused"].values()),
    }


def ours(options, door="form"):
    roles = "http,smtp" if door == "smtp" else "http"
    server = Server(roles=roles, http_processes=options.processes)
    try:
        if door == "smtp":
            login = {"login": "bench", "password": server.key}
            server.call("POST", f"/v3/domains/{DOMAIN}/credentials", login)
            wait_port(server.submission)
            server.began = server.cpu()
            load = tool(
                "send", "--port", server.submission, "--auth", f"bench@{DOMAIN}:{server.key}", "--pipelining",
                "--count", options.count, "--conns", options.conns, "--size", options.size,
            )  # fmt: skip
        else:
            load = post_load(server, options.count, options.conns, options.size, mime=door == "mime")
        load = result(load)
        return {
            "what": f"postwright {DOORS[door]}, synced",
            "msg/s": load["rate_per_s"],
            "CPU µs/msg": round(server.cpu_since_start() / options.count * 1e6),
            "p50 ms": load["latency_ms"]["p50"],
            "p99 ms": load["latency_ms"]["p99"],
            "refused": sum(load["refused"].values()) + load["lost"] + load["unsettled"],
            "logins put off": load["logins_refused"],
            "peak MB": server.peak_memory(),
        }
    finally:
        server.stop()


def batch(options):
    calls = max(1, options.count // options.batch)
    names = [f"user{n}@sink{n % 10}.test" for n in range(options.batch)]
    variables = {name: {"first": f"Name{n}", "id": n} for n, name in enumerate(names)}
    server = Server(roles="http", http_processes=options.processes)
    try:
        load = result(
            post_load(
                server,
                calls,
                min(options.conns, 4),
                options.size,
                to=", ".join(names),
                recipient_variables=json.dumps(variables),
            )
        )
        return {
            "what": f"{calls} batches of {options.batch}, synced",
            "recipients/s": round(load["rate_per_s"] * options.batch),
            "CPU µs/recipient": round(server.cpu_since_start() / (calls * options.batch) * 1e6),
            "p50 ms": load["latency_ms"]["p50"],
            "p99 ms": load["latency_ms"]["p99"],
            "refused": sum(load["refused"].values()) + load["lost"],
            "peak MB": server.peak_memory(),
        }
    finally:
        server.stop()


if __name__ == "__main__":
    main()
