"""End to end: HTTP accept, durable, DKIM RSA-2048, SMTP to a local sink, events. 10 KB messages.

    python -m bench.deliver [--variants accept,defer,tls,domains,slow] [--count 5000] [--conns 32] [--size 10240]
                            [--processes 1]

accept: everything to one sink that takes all. defer: it puts off every fifth message, which is tried again. tls: it
wants STARTTLS. domains: live delivery to 1,000 domains with MX hosts of their own, found through DNS. slow: the same
beside a destination that takes 400 seconds for each message; the rate is that of the others. The last two need
port 25 of loopback addresses, and so the right to listen there. With `domains,slow` and `--rounds` they take turns
and the ratio of their medians is printed: what the slow destination costs the others.

The rate is messages over the time from the first request to the last arrival; every acknowledged message must
arrive, exactly once.
"""

import argparse
import os
import shutil
import signal
import statistics
import tempfile
import time
from pathlib import Path

from .accept import plain
from .harness import DOMAIN, Server, Sink, arrivals, post_load, result, table, tool

VARIANTS = ("accept", "defer", "tls", "domains", "slow")
DOMAINS = 1000
SLOW_MESSAGES = 300


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", default="accept", help=f"of {', '.join(VARIANTS)}, or all")
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--conns", type=int, default=32)
    parser.add_argument("--size", type=int, default=10_240)
    parser.add_argument(
        "--rounds", type=int, default=1, help="each variant so often, in turn; the median counts"
    )
    parser.add_argument("--processes", type=int, default=1, help="delivery processes")
    options = parser.parse_args()
    chosen = VARIANTS if options.variants == "all" else options.variants.split(",")
    rows = [plain(options)] if "accept" in chosen else []
    rounds = [
        [run(options, variant) for variant in VARIANTS if variant in chosen] for _ in range(options.rounds)
    ]
    rows += [median(list(runs)) for runs in zip(*rounds, strict=True)]
    columns = (
        "what",
        "msg/s",
        "CPU µs/msg",
        "accept msg/s",
        "p50 ms",
        "p99 ms",
        "signed",
        "verifies",
        "exactly once",
        "peak MB",
    )
    table(rows, columns)
    found = {row["what"].rpartition(" ")[2]: row for row in rows}
    if "domains" in found and "slow" in found:
        for what in ("msg/s", "CPU µs/msg", "p50 ms"):
            ratio = found["slow"][what] / found["domains"][what]
            print(f"beside a slow destination, {what}: {ratio:.2f} of what it is without")


def median(rows):
    """Of several runs of one variant: each figure's median, and whether all were whole."""
    one = {
        name: statistics.median(row[name] for row in rows)
        for name, value in rows[0].items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return rows[0] | one | {"exactly once": all(row["exactly once"] for row in rows)}


def run(options, variant):
    folder = Path(tempfile.mkdtemp())
    live = variant in ("domains", "slow")
    more = {"defer": ("--tempfail", 0.2), "tls": ("--tls",)}.get(variant, ())
    where = ("--host", "127.0.0.2") if live else ()
    sink = Sink(
        options.count, "--header", "DKIM-Signature", "--ids", folder / "ids", "--save", folder / "saved", *more, *where,
        port=25 if live else None, host="127.0.0.2" if live else "127.0.0.1",
    )  # fmt: skip
    settings = {"delivery_processes": options.processes}
    helpers = []
    if live:
        helpers.append(tool("dns", "--domains", DOMAINS, "--mx", "127.0.0.2", "--slow-mx", "127.0.0.3"))
        settings |= {"delivery": "live", "dns": helpers[0].stdout.readline().strip()}
    else:
        settings |= {"delivery": f"smarthost:127.0.0.1:{sink.port}"}
    if variant == "defer":
        settings["retry_schedule"] = ",".join(["1"] * 20)
    server = Server(**settings)
    try:
        if variant == "slow":
            slow = ("--host", "127.0.0.3", "--delay-ms", 400_000)
            helpers.append(Sink(0, *slow, port=25, host="127.0.0.3").process)
            result(post_load(server, SLOW_MESSAGES, 8, 1024, to="user@slow.test"))
            time.sleep(2)
        record = signing_record(server)
        server.began = server.cpu()
        load = post_load(
            server, options.count, options.conns, options.size, "--acked", folder / "acked", "--spread", DOMAINS,
            to="user@d{n}.test" if live else "user@sink.test",
        )  # fmt: skip
        return (
            {"what": f"postwright, {variant}"}
            | arrivals(load, sink, folder, record)
            | {
                "CPU µs/msg": round(server.cpu_since_start() / options.count * 1e6),
                "peak MB": server.peak_memory(),
            }
        )
    finally:
        if variant == "slow":
            os.killpg(server.process.pid, signal.SIGKILL)  # it would wait for the slow ones
        server.stop()
        for helper in (*helpers, sink.process):
            helper.kill()
            helper.wait()
        shutil.rmtree(folder)


def signing_record(server):
    """What DNS would say of the key that the domain's messages are signed with."""
    records = server.call("GET", f"/v4/domains/{DOMAIN}")["sending_dns_records"]
    (found,) = (row["value"] for row in records if "p=" in row["value"] and "DMARC" not in row["value"])
    return found


if __name__ == "__main__":
    main()
