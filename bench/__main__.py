"""One table of what this machine does, all of one run, beside other mail servers with the same load.

    python -m bench [--quick] [--rows NAME,NAME] [--scale 1] [--rounds 1] [--install-peers] [--json FILE]

Each row is a process of its own with a limit; one that fails says why, and the others go on. At the end nothing
runs any more. Rows: rate, processor time of the server alone (load and sink run on the same cores beside it), latency,
and what all its processes held at most (PSS). Latency is until the answer where a row accepts, and until the sink had
the message where it delivers: there the load is given as fast as it is taken, so that most of it is waiting.
With `--rounds` all rows take turns so often, and each figure is the median.
"""

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from . import peers
from .usage import adopt, sweep

SIZE, CONNS = 10_240, 32
QUICK_SECONDS, FULL_SECONDS = 340, 3600
COLUMNS = ("what", "a second", "CPU µs each", "p50 ms", "p99 ms", "peak MB", "remarks")
OURS, THEIRS = "end to end", ("Postfix with OpenDKIM", "tuned Postfix with OpenDKIM", "Haraka with DKIM")


def load(count):
    return SimpleNamespace(count=count, conns=CONNS, size=SIZE, processes=1, batch=1000, routes=0, hits=count)


def figures(row, what="msg", remarks=""):
    """A module's row in this table's columns; what was refused or lost is a remark that fails it."""
    wrong = []
    if row.get("refused"):
        wrong.append(f"{row['refused']} refused")
    if row.get("exactly once") is False:
        wrong.append("not each exactly once")
    if row.get("verifies") is False:
        wrong.append("the signature does not verify")
    if wrong:
        raise RuntimeError(", ".join(wrong))
    return {
        "a second": row[f"{what}/s"],
        "CPU µs each": row[f"CPU µs/{what}"],
        "p50 ms": row["p50 ms"],
        "p99 ms": row["p99 ms"],
        "peak MB": row.get("peak MB", ""),
        "remarks": remarks,
    }


def ceiling(count):
    from .accept import plain

    return figures(plain(load(count)), remarks="the load straight into the sink, nothing kept")


def accept(door):
    def run(count):
        from .accept import ours

        row = ours(load(count), door)
        late = f"; {row['logins put off']} logins had to be tried again" if row["logins put off"] else ""
        return figures(row, remarks="stored and synced before the answer" + late)

    return run


def batches(count):
    from .accept import batch

    row = batch(load(count))
    row["CPU µs/recipients"] = row["CPU µs/recipient"]
    return figures(row, "recipients", "recipients, in calls of 1,000; latency of a call")


def end_to_end(count):
    from .deliver import run

    row = run(load(count), "accept")
    return figures(
        row, remarks=f"HTTP, {row['signed']} signed, each arrived once; accepted {row['accept msg/s']}/s"
    )


def build(count):
    from .build import measure

    row = measure(count)[0]
    each = row["together"]
    return {
        "a second": round(1e6 / each),
        "CPU µs each": each,
        "p50 ms": round(each / 1000, 2),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "remarks": f"one process, 30 links: MIME {row['compose']} µs, tracking {row['track (all)']}, RSA {row['sign']}",
    }


def inbound(count):
    from .inbound import ours

    row = ours(load(count))
    return figures(row, remarks=f"MX door to a route that stores; {row['stored msg/s']}/s dealt with by it")


def track(count):
    from .track import served

    row = served(load(count))
    row = row | {"hit/s": row["answered hits/s"]}
    return figures(row, "hit", f"clicks answered; {row['told hits/s']}/s told as events, each once")


def analytics(count):
    from .analytics import HEADS, measure, options

    found, sealed = measure(options(["--events", str(count), "--days", "4"]))
    (ours,) = found.values()
    times = ", ".join(f"{head} {time.split()[0]}" for head, time in zip(HEADS, ours, strict=True))
    return {
        "a second": round(sealed),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "remarks": f"events sealed; ms of questions to {count:,}: {times}",
    }


def peer(serve, what):
    def run(count):
        row = peers.measured(load(count), serve, what)
        return figures(
            row, remarks=f"SMTP, {row['signed']} signed, each arrived once; accepted {row['accept msg/s']}/s"
        )

    return run


# name: what measures it, and how many with --quick and without
ROWS = {
    "plain sink": (ceiling, 5_000, 20_000),
    OURS: (end_to_end, 3_000, 10_000),
    THEIRS[0]: (peer(peers.postfix(), THEIRS[0]), 2_000, 10_000),
    THEIRS[1]: (peer(peers.postfix(*peers.BEST), THEIRS[1]), 2_000, 10_000),
    THEIRS[2]: (peer(peers.haraka, THEIRS[2]), 2_000, 10_000),
    "accept HTTP form": (accept("form"), 4_000, 20_000),
    "accept HTTP MIME": (accept("mime"), 4_000, 20_000),
    "accept SMTP": (accept("smtp"), 4_000, 20_000),
    "accept batches": (batches, 20_000, 100_000),
    "build": (build, 200, 1_000),
    "inbound": (inbound, 3_000, 10_000),
    "tracking": (track, 10_000, 50_000),
    "analytics": (analytics, 200_000, 1_000_000),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"small counts, at most {QUICK_SECONDS} s")
    parser.add_argument("--rows", default=",".join(ROWS), help="only these, in this order")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1, help="share of each count")
    parser.add_argument("--install-peers", action="store_true", help="from Debian (as root) and npm, by name")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        return one(options)
    adopt()
    if options.install_peers:
        peers.install()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        measured = everything(options)
    finally:
        sweep()
    print("\n" + "\n".join(report(measured)))
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n")
    return 0


def everything(options):
    """Each row's name with its figures, or with why it has none."""
    names = options.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise SystemExit(f"no row {unknown[0]!r}; there are: {', '.join(ROWS)}")
    for line in machine():
        print(line, flush=True)
    deadline = time.monotonic() + (QUICK_SECONDS if options.quick else FULL_SECONDS)
    rounds = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            count = max(1, round(ROWS[name][1 if options.quick else 2] * options.scale))
            limit = min(60 if options.quick else 600, deadline - time.monotonic())
            began = time.monotonic()
            row = apart(name, count, limit)
            took = time.monotonic() - began
            print(
                f"  {name}: {row.get('a second', row.get('failed'))} ({took:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
            rounds[name].append(row)
    return {name: median(rows) for name, rows in rounds.items()}


def apart(name, count, limit):
    """One row in a process of its own; whatever it leaves running is ended."""
    if limit < 5:
        return {"failed": "no time was left"}
    command = [sys.executable, "-m", "bench", "--row", name, "--scale", str(count)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            return {"failed": f"not done after {limit:.0f} s"}
        finally:
            end(process)
            sweep()
        texts = [file.seek(0) or file.read().strip() for file in (out, err)]
    if status:
        return {"failed": (texts[1] or f"exit status {status}").splitlines()[-1][:300]}
    return json.loads(texts[0].splitlines()[-1])


def end(process, seconds=10):
    """Let a row stop what it started and remove its folders, if it still runs."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


def one(options):
    """A row, as JSON on the last line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(json.dumps(ROWS[options.row][0](int(options.scale))), flush=True)


def median(rows):
    """Of the rounds that were done, the median of each figure; the remarks of the last."""
    done = [row for row in rows if "failed" not in row]
    if not done:
        return rows[-1]
    middle = {
        name: round(statistics.median(row[name] for row in done), 2)
        for name, value in done[-1].items()
        if isinstance(value, int | float)
    }
    failed = [f"{len(rows) - len(done)} of {len(rows)} rounds failed"] if len(done) < len(rows) else []
    return done[-1] | middle | {"remarks": "; ".join([done[-1].get("remarks", ""), *failed])}


def machine():
    """What it ran on, and what else it had to do."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    yield f"{time.strftime('%d %B %Y %H:%M')}, {os.cpu_count()} cores of {model}"
    yield f"Load before: {' '.join(f'{load:.1f}' for load in os.getloadavg())}; Python {platform.python_version()}"
    yield f"Messages of {SIZE:,} bytes, {CONNS} connections; load, sink and server share the cores"


def report(measured):
    """The table in Markdown, and how ours stands to the peers."""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---|" + "---:|" * (len(COLUMNS) - 2) + "---|"
    for name, row in measured.items():
        cells = {"what": name, "remarks": f"**failed**: {row['failed']}" if "failed" in row else ""} | row
        yield "| " + " | ".join(shown(cells.get(column, "")) for column in COLUMNS) + " |"
    yield ""
    ours = measured.get(OURS, {})
    for name in THEIRS:
        theirs = measured.get(name, {})
        if "a second" in ours and "a second" in theirs:
            rate = ours["a second"] / theirs["a second"]
            spent = theirs["CPU µs each"] / ours["CPU µs each"]
            yield f"- {rate:.1f} times the messages a second of {name}, at 1/{spent:.1f} of the processor time"
        elif name in measured:
            yield f"- no ratio to {name}: one of the two has no figures"


def shown(value):
    return (
        f"{value:,.0f}" if isinstance(value, int | float) and value >= 100 else str(value).replace("|", "/")
    )


if __name__ == "__main__":
    sys.exit(main())
