"""End to end: HTTP accept, durable, DKIM RSA-2048, SMTP to a local sink, events. 10 KB messages.

    python -m bench.deliver [--count 10000] [--conns 32] [--size 10240] [--processes 1]

Beside it, in the same run, the same load straight into the same sink. The rate is messages over the time from the
first request to the last arrival; every acknowledged message must arrive, exactly once.
"""

import argparse
import tempfile
from pathlib import Path

from .accept import plain
from .harness import Server, Sink, post_load, result, table, tool


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--conns", type=int, default=32)
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument("--processes", type=int, default=1, help="delivery processes")
    options = parser.parse_args()
    rows = [plain(options), ours(options)]
    columns = (
        "what",
        "msg/s",
        "CPU µs/msg",
        "accept msg/s",
        "p50 ms",
        "p99 ms",
        "signed",
        "exactly once",
        "peak MB",
    )
    table(rows, columns)


def ours(options):
    folder = Path(tempfile.mkdtemp())
    sink = Sink(options.count, "--header", "DKIM-Signature", "--ids", folder / "ids")
    server = Server(delivery=f"smarthost:127.0.0.1:{sink.port}", delivery_processes=options.processes)
    try:
        acked = folder / "acked"
        load = result(post_load(server, options.count, options.conns, options.size, "--acked", acked))
        seen = sink.result()
        checked = result(tool("verify", "--acked", acked, "--ids", folder / "ids"))
        span = seen["last_monotonic"] - load["first_monotonic"]
        return {
            "what": "postwright end to end",
            "msg/s": round(seen["messages"] / span, 1),
            "CPU µs/msg": round(server.cpu_since_start() / options.count * 1e6),
            "accept msg/s": load["rate_per_s"],
            "p50 ms": seen["latency_ms"]["p50"],
            "p99 ms": seen["latency_ms"]["p99"],
            "signed": seen["headers"]["DKIM-Signature"],
            "exactly once": checked["exactly_once"],
            "peak MB": server.peak_memory(),
        }
    finally:
        server.stop()


if __name__ == "__main__":
    main()
