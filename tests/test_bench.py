"""The table of benchmarks: what it says of rows that failed, and that nothing is left running."""

import subprocess
import sys
import time
from pathlib import Path

from bench.__main__ import OURS, THEIRS, figures, median, report

ROOT = Path(__file__).parents[1]
ROW = {
    "a second": 800.0,
    "CPU µs each": 1000,
    "p50 ms": 5.0,
    "p99 ms": 9.5,
    "peak MB": 300,
    "remarks": "fine",
}


def test_ratio_to_each_peer_and_why_a_row_has_no_figures():
    peer = ROW | {"a second": 200.0, "CPU µs each": 5000}
    text = "\n".join(report({OURS: ROW, THEIRS[0]: peer, THEIRS[2]: {"failed": "not installed"}}))
    assert "| end to end | 800 | 1,000 | 5.0 | 9.5 | 300 | fine |" in text
    assert f"4.0 times the messages a second of {THEIRS[0]}, at 1/5.0 of the processor time" in text
    assert "**failed**: not installed" in text
    assert f"no ratio to {THEIRS[2]}" in text


def test_lost_or_unsigned_mail_is_no_figure():
    row = {"msg/s": 1, "CPU µs/msg": 1, "p50 ms": 1, "p99 ms": 1}
    assert figures(row)["a second"] == 1
    for wrong in ({"refused": 2}, {"exactly once": False}, {"verifies": False}):
        try:
            figures(row | wrong)
        except RuntimeError:
            continue
        raise AssertionError(wrong)


def test_median_tells_of_rounds_that_failed():
    row = median([ROW, {"failed": "x"}, ROW | {"a second": 900.0}])
    assert row["a second"] == 850.0
    assert "1 of 3 rounds failed" in row["remarks"]


def test_a_daemon_that_detached_is_ended():
    code = """
import subprocess, sys, time
from bench.usage import adopt, sweep
adopt()
daemon = "import os, time; os.fork() and os._exit(0); os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", daemon], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline())
child.wait()
print(sweep())
"""
    began = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    pid, ended = ran.stdout.split()
    assert ended == "1", ran.stderr
    assert not Path(f"/proc/{pid}").exists()
    assert time.monotonic() - began < 20
