"""Counters over processes: nothing lost, nothing twice, and the page is one that Prometheus can read."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from postwright.kernel import metrics
from postwright.kernel.metrics import Counter, Gauge, Histogram, Reading

SENT = Counter("test_sent_total", 'Sent, "so to say".', ("provider", "class"))
OPEN = Gauge("test_open", "Open.", ("kind",))
WORST = Gauge("test_worst_seconds", "The worst.", largest=True)
TOOK = Histogram("test_took_seconds", "Took.", ("phase",), buckets=(0.1, 1.0))

# Counts in a process of its own, says so, and lives on until it is killed.
_CHILD = """
import sys, time
from pathlib import Path
from tests.kernel.test_metrics import OPEN, SENT, TOOK, WORST
from postwright.kernel import metrics
metrics.open_file(Path(sys.argv[1]), sys.argv[2])
for _ in range(int(sys.argv[3])):
    SENT.labels("Gmail", "ok").inc()
OPEN.labels("a").inc(3)
WORST.labels().set(float(sys.argv[4]))
TOOK.labels("dot").observe(0.05); TOOK.labels("dot").observe(0.1); TOOK.labels("dot").observe(7)
print("done", flush=True)
time.sleep(60)
"""
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(page: bytes) -> Samples:
    """Every sample, by an independent reader of the format."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


class Child:
    """A counting process."""

    def __init__(self, folder: Path, name: str, count: int, worst: float = 1.0) -> None:
        command = [sys.executable, "-c", _CHILD, str(folder), name, str(count), str(worst)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"done\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


GMAIL = ("postwright_test_sent_total", (("class", "ok"), ("provider", "Gmail")))


def test_processes_add_up_and_a_killed_one_goes_on_where_it_was(tmp_path: Path) -> None:
    one, two = Child(tmp_path, "delivery-1", 1000, 2.5), Child(tmp_path, "delivery-2", 10, 4.0)
    try:
        found = parsed(metrics.render(tmp_path))
        assert found[GMAIL] == 1010
        assert found["postwright_test_open", (("kind", "a"),)] == 6
        assert found["postwright_test_worst_seconds", ()] == 4.0
        one.kill()
        assert parsed(metrics.render(tmp_path))[GMAIL] == 1010  # SIGKILL took nothing
        one = Child(tmp_path, "delivery-1", 5)
        found = parsed(metrics.render(tmp_path))
        assert found[GMAIL] == 1015
        assert found["postwright_test_open", (("kind", "a"),)] == 6  # a gauge begins anew
        assert found["postwright_test_took_seconds_count", (("phase", "dot"),)] == 9
    finally:
        one.kill()
        two.kill()


def test_two_of_the_same_name_do_not_write_over_each_other(tmp_path: Path) -> None:
    one = Child(tmp_path, "http-1", 7)
    two = Child(tmp_path, "http-1", 9)
    try:
        assert parsed(metrics.render(tmp_path))[GMAIL] == 16
    finally:
        one.kill()
        two.kill()


def test_gauges_of_the_dead_are_left_out_and_their_counters_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Child(tmp_path, "smtp-1", 3).kill()
    later = time.time() + metrics.ALIVE_SECONDS + 1
    monkeypatch.setattr(metrics.time, "time", lambda: later)
    found = parsed(metrics.render(tmp_path))
    assert found[GMAIL] == 3
    assert ("postwright_test_open", (("kind", "a"),)) not in found


def test_a_name_cut_off_by_a_crash_is_not_read_as_another(tmp_path: Path) -> None:
    Child(tmp_path, "smtp-1", 3).kill()
    names = tmp_path / "smtp-1.names"
    whole = names.stat().st_size
    with names.open("ab") as file:
        file.write(b'["postwright_test_sent_total",["Gm')
    assert parsed(metrics.render(tmp_path))[GMAIL] == 3
    child = Child(tmp_path, "smtp-1", 4)
    child.kill()
    assert names.stat().st_size == whole
    assert parsed(metrics.render(tmp_path))[GMAIL] == 7


def test_histograms_have_cumulative_buckets(tmp_path: Path) -> None:
    Child(tmp_path, "a", 0).kill()
    found = parsed(metrics.render(tmp_path))
    phase = ("phase", "dot")
    buckets = [
        found["postwright_test_took_seconds_bucket", (("le", le), phase)] for le in ("0.1", "1", "+Inf")
    ]
    assert buckets == [2, 2, 3]  # the bound belongs to its bucket
    assert found["postwright_test_took_seconds_count", (phase,)] == 3
    assert found["postwright_test_took_seconds_sum", (phase,)] == pytest.approx(7.15)


def test_what_a_label_holds_is_escaped() -> None:
    odd = 'a"b\\c\nd'
    SENT.labels(odd, "x").inc(2)
    reading = Reading("test_depth", "Depth.", ("state",), {(odd,): 1.5})
    found = parsed(metrics.render(None, [reading]))
    assert found["postwright_test_sent_total", (("class", "x"), ("provider", odd))] == 2
    assert found["postwright_test_depth", (("state", odd),)] == 1.5


def test_labels_that_never_end_are_counted_together() -> None:
    family = Counter("test_unbounded_total", "Unbounded.", ("name",))
    for number in range(metrics.MAX_SERIES + 500):
        family.labels(f"n{number}").inc()
    assert family.labels("other").value == 500
    assert len(family._cells) == metrics.MAX_SERIES + 1


def test_a_family_has_its_labels_and_its_name_for_itself() -> None:
    with pytest.raises(TypeError):
        SENT.labels("Gmail")
    with pytest.raises(ValueError, match="two metrics"):
        Counter("test_sent_total", "Again.")


def test_counting_costs_less_than_a_microsecond() -> None:
    """On a quiet core some 0.1 µs; here the best of several rounds, for the machine may be busy."""
    cell = SENT.labels("Gmail", "fast")
    rounds = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(1000):
            cell.inc()
        rounds.append((time.perf_counter() - started) / 1000)
    assert min(rounds) < 1e-6


def test_the_files_are_for_us_alone(tmp_path: Path) -> None:
    Child(tmp_path / "metrics", "a", 0).kill()
    assert not any(os.stat(path).st_mode & 0o077 for path in (tmp_path / "metrics").iterdir())
