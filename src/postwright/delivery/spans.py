"""An attempt as a step of a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from postwright.kernel import tracing
from postwright.messages import Meta
from postwright.queue import Item

from .outcome import Attempt


class Step:
    """One attempt. `made` None: no traces."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def ended(self, attempt: Attempt) -> Attempt:
        """Say what came of it; the same attempt."""
        if self._made is not None:
            self._made.set_attribute("smtp.code", attempt.code)
            self._made.set_attribute("server.host", attempt.mx_host)
            if attempt.verdict is not None:
                tracing.failed(self._made, f"{attempt.code} {attempt.enhanced or ''}".strip())
        return attempt


_OFF = Step(None)


@contextmanager
def attempted(item: Item, meta: Meta) -> Iterator[Step]:
    """While it goes on. Whose mail it is is not told, only to which domain it goes."""
    if not tracing.on():
        yield _OFF
        return
    number = item.attempts + 1
    with tracing.span("deliver", meta.trace, "CLIENT", server__address=item.site, attempt=number) as made:
        yield Step(made)
