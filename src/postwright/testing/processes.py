"""Which processes run, by /proc. The dead that nobody has reaped yet do not count as running."""

from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process runs."""
    return _group_of_living(pid) is not None


def group_members(group: int) -> list[int]:
    """The running processes of a process group, its leader first."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    members = [pid for pid in pids if _group_of_living(pid) == group]
    return sorted(members, key=lambda pid: (pid != group, pid))


def _group_of_living(pid: int) -> int | None:
    try:
        # After the name, which is in parentheses and may contain anything: state, parent, group (proc(5)).
        state, _parent, group = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return None
    return None if state in "ZX" else int(group)
