"""When each recipient's copy is due, where the message leaves that to what is known of them (behaviour.md 2.1)."""

from collections.abc import Mapping

from postwright import habits
from postwright.habits import Habit

from .options import Options


def delays(known: Mapping[str, Habit], options: Options, due: int) -> dict[str, int]:
    """How much later than `due` recipients get it, in microseconds; whom nothing is known of gets it at once.

    A time of the recipient's day says exactly when, so it wins over the hour that is likely the best.
    """
    found = {}
    for recipient, habit in known.items():
        at = (
            habits.best(habit, due, options.optimize)
            if options.localize is None
            else habits.local(habit, due, options.localize)
        )
        if at is not None and at > due:
            found[recipient] = at - due
    return found
