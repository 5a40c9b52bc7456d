"""What a domain's figures say of it: which dynamic pool its mail belongs into (delivery-engineering.md 6).

A rate is looked at over the last day and over the last 30 days, and is poor when it is in either of them. It takes as
many as would be too many of `ENOUGH` messages, so that a few failures in little mail say nothing. The worst metric
decides, where a poor one is worse than being new.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from postwright.kernel.clock import SECOND

from .records import Figures

DAY = 86400 * SECOND
WINDOWS = (DAY, 30 * DAY)  # microseconds
ENOUGH = 500  # messages that make a sender known
BOUNCED, COMPLAINED, BLOCKED = 0.05, 0.001, 0.03
FEW = 2  # a single complaint is no rate
STAY = 7 * DAY  # a domain leaves the poor pool after so long, when its figures are no more poor


class Band(StrEnum):
    """The dynamic pools, by name; the worst last."""

    GOOD = "dynamic_good"
    NEW = "dynamic_new"
    POOR = "dynamic_poor"


_WORSE = list(Band)


class Result(msgspec.Struct, frozen=True):
    """A metric: its value, and the pool for which it speaks."""

    value: float
    band: Band


class Health(msgspec.Struct, frozen=True):
    """The metrics of a domain. `processed`: messages of the last 30 days, delivered or refused for good."""

    results: Mapping[str, Result]
    processed: int

    @property
    def band(self) -> Band:
        """The pool for which the worst metric speaks."""
        return max((each.band for each in self.results.values()), key=_WORSE.index)

    def rate(self, name: str) -> float | None:
        """The value of a metric; None when there was no mail."""
        return self.results[name].value if self.processed else None

    def reason(self, band: Band) -> str:
        """Why a domain is in a pool."""
        names = [name for name, each in self.results.items() if each.band is band]
        threshold = f"in {band.removeprefix('dynamic_')} threshold"
        return f"{names[0]} {threshold}" if len(names) == 1 else f"Multiple metrics {threshold}"


def judge(day: Figures, month: Figures) -> Health:
    """What the figures of the last day and of the last 30 days say."""
    windows = (day, month)
    rates = {
        "bounce_rate": _rate([(each.bounced, each.processed) for each in windows], BOUNCED),
        "complaint_rate": _rate([(each.complained, each.processed) for each in windows], COMPLAINED),
        "block_rate": _rate([(each.blocked, each.processed + each.blocked) for each in windows], BLOCKED),
    }
    known = Band.GOOD if month.processed >= ENOUGH else Band.NEW
    return Health(rates | {"processed_count": Result(month.processed, known)}, month.processed)


def _rate(windows: list[tuple[int, int]], most: float) -> Result:
    """The rate of the last window, the longest; of the worst window, when any is poor."""
    poor = [
        count / max(of, count)
        for count, of in windows
        if count >= max(FEW, most * ENOUGH) and count > most * of
    ]
    if poor:
        return Result(round(max(poor), 6), Band.POOR)
    count, of = windows[-1]
    return Result(round(count / max(of, count, 1), 6), Band.GOOD)


def place(health: Health, current: Band | None, since: int, now: int) -> Band:
    """The pool of a domain that is in `current` since then. None: it is in none.

    A poor one stays poor for `STAY`; a good one is new again only when all its mail is forgotten.
    """
    wanted = health.band
    if current is Band.POOR and now < since + STAY:
        return Band.POOR
    if current is Band.GOOD and wanted is Band.NEW and health.processed:
        return Band.GOOD
    return wanted
