"""Numbers about the running program, for Prometheus: counters, gauges and histograms over all processes.

A process keeps its values in a file that is mapped into its memory, one double a series: adding to a counter is a
store to memory, and a value is in the page cache at that moment, so that SIGKILL loses none. A process that starts
again under its name goes on with the values of the one before: a counter never falls, and nothing counts twice.
The process that is asked (`render`) adds up the files. Gauges of a process that does not live are left out.

Labels must be bounded: providers, our own addresses, closed sets of words; never a domain, an address or anything a
stranger chooses. A family that gets too many series anyway counts the rest under `other`.

Not thread-safe: count on the event loop, and what a transaction did only after it committed.
"""

import fcntl
import math
import mmap
import os
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeAlias, TypeVar

import msgspec

PREFIX = "postwright_"
SLOTS = 32_768  # doubles a process has room for: 256 KB, of which the unused ones cost no memory
SPARE = 64  # of them, never shown
MAX_SERIES = 400  # of one family in one process
ALIVE_SECONDS = 15.0  # a process that did not beat for so long is dead
# Seconds, from a commit on a fast disk to the longest time-out of an SMTP session.
SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Values: TypeAlias = "memoryview[float]"


class Cell:
    """One series of a counter or gauge."""

    __slots__ = ("_at", "_values")

    width = 1

    def __init__(self, values: _Values, at: int) -> None:
        self._values = values
        self._at = at

    def inc(self, by: float = 1.0) -> None:
        """Add `by`."""
        self._values[self._at] += by

    def set(self, value: float) -> None:
        """Let a gauge be `value`."""
        self._values[self._at] = value

    @property
    def value(self) -> float:
        """The value in this process."""
        value: float = self._values[self._at]
        return value


class HistogramCell:
    """One series of a histogram: the sum, and how many observations each bucket has (the last: above all)."""

    __slots__ = ("_at", "_bounds", "_values")

    def __init__(self, values: _Values, at: int, bounds: Sequence[float]) -> None:
        self._values = values
        self._at = at
        self._bounds = bounds

    @property
    def width(self) -> int:
        """How many slots it takes."""
        return len(self._bounds) + 2

    def observe(self, value: float) -> None:
        """Count one observation."""
        values, at = self._values, self._at
        values[at] += value
        values[at + 1 + bisect_left(self._bounds, value)] += 1.0

    @property
    def count(self) -> int:
        """How many observations this process made."""
        return int(sum(self._values[self._at + 1 : self._at + self.width]))


C = TypeVar("C", Cell, HistogramCell)


class Family(Generic[C]):
    """All series of one name."""

    kind: ClassVar[str]

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self.name: str = PREFIX + name
        self.help: str = help
        self.label_names: tuple[str, ...] = tuple(labels)
        self._cells: dict[tuple[str, ...], C] = {}
        _registry.add(self)

    def labels(self, *values: str) -> C:
        """The series of these label values (none: the only one). Keep it where it is used often."""
        cell = self._cells.get(values)
        return cell if cell is not None else self._make(values)

    def _make(self, values: tuple[str, ...]) -> C:
        if len(values) != len(self.label_names):
            raise TypeError(f"{self.name} has the labels {self.label_names}")
        if len(self._cells) >= MAX_SERIES:
            rest = ("other",) * len(values)
            if rest in self._cells:
                return self._cells[rest]
            values = rest
        cell = self._cell(_registry.values, 0)
        cell._at = _registry.slots(self.name, values, cell.width)
        self._cells[values] = cell
        return cell

    def _cell(self, values: _Values, at: int) -> C:
        raise NotImplementedError

    def move(self) -> None:
        """Continue in the registry's present memory, on top of what is there."""
        for values, cell in self._cells.items():
            old = list(cell._values[cell._at : cell._at + cell.width])
            cell._values = _registry.values
            cell._at = _registry.slots(self.name, values, cell.width)
            for offset, value in enumerate(old):
                cell._values[cell._at + offset] += value

    def samples(self, values: Sequence[str], numbers: Sequence[float]) -> Iterator[str]:
        """The lines of one series."""
        yield f"{self.name}{_labels(self.label_names, values)} {_number(numbers[0])}"


class Counter(Family[Cell]):
    """Only rises."""

    kind = "counter"

    def _cell(self, values: _Values, at: int) -> Cell:
        return Cell(values, at)


class Gauge(Family[Cell]):
    """Rises and falls. Over processes it is the sum, or the largest where `largest` is set."""

    kind = "gauge"

    def __init__(self, name: str, help: str, labels: Sequence[str] = (), *, largest: bool = False) -> None:
        self.largest = largest
        super().__init__(name, help, labels)

    def _cell(self, values: _Values, at: int) -> Cell:
        return Cell(values, at)


class Histogram(Family[HistogramCell]):
    """Observations by size."""

    kind = "histogram"

    def __init__(
        self, name: str, help: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS
    ) -> None:
        self.bounds = tuple(buckets)
        super().__init__(name, help, labels)

    def _cell(self, values: _Values, at: int) -> HistogramCell:
        return HistogramCell(values, at, self.bounds)

    def samples(self, values: Sequence[str], numbers: Sequence[float]) -> Iterator[str]:
        """The lines of one series: cumulative buckets, sum, count."""
        names, below = (*self.label_names, "le"), 0.0
        for bound, count in zip((*self.bounds, None), numbers[1:], strict=True):
            below += count
            le = "+Inf" if bound is None else _number(bound)
            yield f"{self.name}_bucket{_labels(names, (*values, le))} {_number(below)}"
        plain = _labels(self.label_names, values)
        yield f"{self.name}_sum{plain} {_number(numbers[0])}"
        yield f"{self.name}_count{plain} {_number(below)}"


class _Registry:
    """This process's families and the memory of their values. Slot 0 is the time of the last `beat`."""

    def __init__(self) -> None:
        self.families: dict[str, Family[Cell] | Family[HistogramCell]] = {}
        self.values: _Values = memoryview(bytearray(8 * SLOTS)).cast("d")
        self._known: dict[tuple[str, tuple[str, ...], int], int] = {}
        self._next = 1
        self._names = -1  # file descriptor of the list of names; -1: only in memory

    def add(self, family: "Family[C]") -> None:
        if family.name in self.families:
            raise ValueError(f"two metrics are called {family.name}")
        self.families[family.name] = family

    def slots(self, name: str, labels: tuple[str, ...], width: int) -> int:
        """The first of the slots of a series, new ones when it has none."""
        key = (name, labels, width)
        at = self._known.get(key)
        if at is None:
            at = self._next
            if at + width > SLOTS - SPARE:
                return SLOTS - width  # full: what comes now shares memory that nobody reads
            if self._names >= 0:
                os.write(self._names, msgspec.json.encode([name, labels, width]) + b"\n")
            self._known[key] = at
            self._next = at + width
        return at

    def open(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd, path = _own(folder, process)
        os.ftruncate(fd, 8 * SLOTS)
        names = path.with_suffix(".names")
        self._names = os.open(names, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._known, self._next = {}, 1
        whole = 0
        for line in names.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):  # not one that a crash cut off
                name, labels, width = msgspec.json.decode(line)
                self._known[(name, tuple(labels), width)] = self._next
                self._next += width
                whole += len(line)
        os.ftruncate(self._names, whole)
        self.values = memoryview(mmap.mmap(fd, 8 * SLOTS)).cast("d")
        for (name, _, _), at in self._known.items():
            if isinstance(self.families.get(name), Gauge):
                self.values[at] = 0.0  # what was open or waiting in the process before is gone with it
        for family in self.families.values():
            family.move()


def _own(folder: Path, process: str) -> tuple[int, Path]:
    """A values file that no living process has: two servers may share a folder and a name."""
    number = 1
    while True:
        path = folder / (f"{process}.values" if number == 1 else f"{process}.{number}.values")
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd, path
        except BlockingIOError:
            os.close(fd)
            number += 1


_registry = _Registry()


def families() -> list[Family[Cell] | Family[HistogramCell]]:
    """All metrics that the imported modules have, by name."""
    return [family for _, family in sorted(_registry.families.items())]


def open_file(folder: Path, process: str) -> None:
    """Keep this process's values in `folder`, going on with those of the `process` of the same name before it."""
    _registry.open(folder, process)
    beat()


def beat() -> None:
    """Say that this process lives; every few seconds."""
    _registry.values[0] = time.time()


class Reading(msgspec.Struct, frozen=True):
    """A gauge that is looked up when it is asked for: label values and numbers."""

    name: str
    help: str
    label_names: tuple[str, ...]
    series: Mapping[tuple[str, ...], float]


_Series = dict[tuple[str, ...], list[float]]


def render(folder: Path | None, readings: Iterable[Reading] = ()) -> bytes:
    """Everything in the text format of Prometheus; `folder` None: this process alone."""
    found: dict[str, _Series] = {name: {} for name in _registry.families}
    if folder is None:
        _add(found, _registry._known, _registry.values, alive=True)
    else:
        for path in sorted(folder.glob("*.values")):
            _add_file(found, path)
    lines: list[str] = []
    for name, family in sorted(_registry.families.items()):
        lines += (f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}")
        for values, numbers in sorted(found[name].items()):
            lines += family.samples(values, numbers)
    for reading in readings:
        name = PREFIX + reading.name
        lines += (f"# HELP {name} {reading.help}", f"# TYPE {name} gauge")
        for values, number in sorted(reading.series.items()):
            lines.append(f"{name}{_labels(reading.label_names, values)} {_number(number)}")
    return "\n".join([*lines, ""]).encode()


def _add_file(found: dict[str, _Series], path: Path) -> None:
    try:
        names = path.with_suffix(".names").read_bytes()
        numbers = array("d", path.read_bytes())
    except (OSError, ValueError):
        return  # a process is just starting
    series: dict[tuple[str, tuple[str, ...], int], int] = {}
    at = 1
    for line in names.splitlines(keepends=True):
        if line.endswith(b"\n"):
            name, labels, width = msgspec.json.decode(line)
            series[(name, tuple(labels), width)] = at
            at += width
    if at <= len(numbers):
        _add(found, series, numbers, alive=time.time() - numbers[0] < ALIVE_SECONDS)


def _add(
    found: dict[str, _Series],
    series: Mapping[tuple[str, tuple[str, ...], int], int],
    numbers: "Sequence[float] | memoryview[float]",
    *,
    alive: bool,
) -> None:
    for (name, labels, width), at in series.items():
        family = _registry.families.get(name)
        if family is None or len(labels) != len(family.label_names):
            continue  # of another version of the program
        if isinstance(family, Histogram) and width != len(family.bounds) + 2:
            continue
        if isinstance(family, Gauge) and not alive:
            continue
        mine = list(numbers[at : at + width])
        so_far = found[name].get(labels)
        if so_far is None:
            found[name][labels] = mine
        elif isinstance(family, Gauge) and family.largest:
            so_far[0] = max(so_far[0], mine[0])
        else:
            found[name][labels] = [a + b for a, b in zip(so_far, mine, strict=True)]


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)
