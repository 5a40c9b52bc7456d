"""Named places where tests make a process die or fail.

Their names are part of the code: `POSTWRIGHT_FAILPOINTS=accept.committed=kill` kills the process with SIGKILL
the first time it passes `hit("accept.committed")`; `=fail` raises `FailpointError`; `name=kill@3` waits for the
third pass. Nothing is armed in normal use, and then a pass costs one look-up in an empty dictionary.
"""

import os
import signal

_armed: dict[str, tuple[str, int]] = {}


class FailpointError(OSError):
    """Raised by a failpoint armed with `fail`."""


def arm(spec: str) -> None:
    """Arm the points named in `spec` (`name=action[@count]`, several with commas). Raises ValueError."""
    _armed.clear()
    for part in filter(None, (p.strip() for p in spec.split(","))):
        name, _, action = part.partition("=")
        action, _, count = action.partition("@")
        if action not in ("kill", "fail"):
            raise ValueError(f"failpoint {part!r}: the action is kill or fail")
        _armed[name] = (action, int(count or 1))


def hit(name: str) -> None:
    """Pass the point `name`; does what it is armed with, usually nothing."""
    if not _armed or name not in _armed:
        return
    action, count = _armed[name]
    if count > 1:
        _armed[name] = (action, count - 1)
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    del _armed[name]
    raise FailpointError(f"failpoint {name}")
