"""The time zone of a place."""

from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_of(name: str, country: str) -> str:
    """The zone called `name`, else that of a country where all clocks show the same; "" when that cannot be said."""
    return name if name and is_zone(name) else _countries().get(country, "")


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    zones: dict[str, list[str]] = {}
    # Lines of country, coordinates and zone (theory.html and zone.tab of the IANA time zone database).
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            zones.setdefault(country, []).append(name)
    return {country: names[0] for country, names in zones.items() if len({*map(_clock, names)}) == 1}


def _clock(name: str) -> tuple[object, ...]:
    """What tells clocks apart today: the offsets of winter and summer."""
    year, zone = datetime.now(UTC).year, ZoneInfo(name)
    return tuple(datetime(year, month, 1, tzinfo=zone).utcoffset() for month in (1, 7))
