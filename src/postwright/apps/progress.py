"""How far a long command is, for people: on stderr, in place on a terminal, else a line now and then."""

import sys
import time

_TERMINAL_SECONDS, _LOG_SECONDS = 0.2, 10.0


class Progress:
    """Says how far each step is."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._told = 0.0
        self._open = False  # a line that the next one overwrites

    def step(self, text: str) -> None:
        """A step begins, or is done."""
        self._say(text, "\n")

    def far(self, what: str, done: int, whole: int | None = None) -> None:
        """So much of a step is done."""
        now = time.monotonic()
        if now - self._told < (_TERMINAL_SECONDS if self._is_terminal else _LOG_SECONDS):
            return
        self._told = now
        self._say(
            f"  {what}: {done:,}" + (f" of {whole:,}" if whole else ""), "" if self._is_terminal else "\n"
        )

    def _say(self, text: str, end: str) -> None:
        print(("\r\x1b[K" if self._open else "") + text, end=end, file=sys.stderr, flush=True)
        self._open = not end
