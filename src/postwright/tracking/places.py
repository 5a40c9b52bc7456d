"""Where an address is: `geolocation` of events.

A MaxMind file (setting `geoip`) tells city and region; without one, the countries that the regional registries
assigned addresses to, which come with the program.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import maxminddb
from iptocc import country_code

from postwright.kernel.settings import SettingsError

UNKNOWN = "Unknown"


class Places:
    """Looks addresses up."""

    def __init__(self, path: str = "") -> None:
        self._reader: maxminddb.Reader | None = None
        if path:
            try:
                self._reader = maxminddb.open_database(str(Path(path).resolve()))
            except (OSError, maxminddb.InvalidDatabaseError) as wrong:
                raise SettingsError(f"POSTWRIGHT_GEOIP={path}: {wrong}") from wrong

    def find(self, address: str) -> dict[str, str]:
        """The `geolocation` of an address; `Unknown` where nothing is known."""
        found: Any = None
        if self._reader is not None:
            try:
                found = self._reader.get(address)
            except (ValueError, maxminddb.InvalidDatabaseError):
                found = None
        record: Mapping[str, Any] = found if isinstance(found, dict) else {}
        country = _code(record.get("country")) or _code(record.get("registered_country"))
        regions = record.get("subdivisions")
        region = _code(regions[0]) if isinstance(regions, list) and regions else ""
        location = record.get("location")
        zone = location.get("time_zone", "") if isinstance(location, dict) else ""
        return {
            "city": _name(record.get("city")) or UNKNOWN,
            "country": country or _assigned(address) or UNKNOWN,
            "region": region or UNKNOWN,
            "timezone": str(zone) or UNKNOWN,
        }


def _code(part: Any) -> str:
    return str(part.get("iso_code", "")) if isinstance(part, dict) else ""


def _name(part: Any) -> str:
    names = part.get("names") if isinstance(part, dict) else None
    return str(names.get("en", "")) if isinstance(names, dict) else ""


def _assigned(address: str) -> str:
    try:
        return country_code(address) or ""
    except ValueError:
        return ""


@lru_cache(8192)
def is_public(address: str) -> bool:
    """Whether an address is one of the internet, and not of this machine or network."""
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
