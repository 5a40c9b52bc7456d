"""SQL of warm-ups."""

from postwright.kernel.db import Read


def warming(tx: Read) -> frozenset[str]:
    """The addresses that are being warmed up."""
    return frozenset()
