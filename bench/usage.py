"""What processes use, read from /proc: processor time and memory of a tree of them, and what a tree leaves behind."""

import ctypes
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
LOOK_SECONDS = 0.5
ADOPT = 36  # PR_SET_CHILD_SUBREAPER


def tree(*roots):
    """Ids of the processes and of all their descendants."""
    found, rest = [], list(roots)
    while rest:
        pid = rest.pop()
        try:
            below = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            continue
        found.append(pid)
        rest += map(int, below.split())
    return found


def cpu_seconds(*roots):
    """Processor time of the trees so far, with that of descendants that ended."""
    ticks = 0
    for pid in tree(*roots):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


class Peak(threading.Thread):
    """Looks now and then what trees of processes hold together; pages that several share count in parts (PSS)."""

    def __init__(self, *roots):
        super().__init__(daemon=True)
        self._roots = roots
        self._done = threading.Event()
        self._most = 0
        self.start()

    def run(self):
        while not self._done.wait(LOOK_SECONDS):
            self._look()

    def _look(self):
        held = 0
        for pid in tree(*self._roots):
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                held += int(rollup.partition("\nPss:")[2].split()[0])
            except (OSError, IndexError):
                continue  # it ends
        self._most = max(self._most, held)

    def end(self):
        """The most that was seen, in MB."""
        self._look()
        self._done.set()
        return round(self._most / 1024)


def adopt():
    """Make this process the parent of every descendant whose own parent ends, so that `sweep` finds it."""
    ctypes.CDLL(None, use_errno=True).prctl(ADOPT, 1, 0, 0, 0)


def sweep(seconds=3):
    """End whatever descends from this process: asked first, forced after so many seconds. How many there were."""
    left = [pid for pid in tree(os.getpid()) if pid != os.getpid()]
    deadline = time.monotonic() + seconds
    for pid in left:
        _signal(pid, signal.SIGTERM)
    while below := [pid for pid in tree(os.getpid()) if pid != os.getpid()]:
        if time.monotonic() > deadline:
            for pid in below:
                _signal(pid, signal.SIGKILL)
        _reap()
        time.sleep(0.05)
    return len(left)


def _signal(pid, number):
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _reap():
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
