"""The table of limits: read, checked, and resolved for one site and source."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

_UNITS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"(\d+)\s*/\s*(s|sec|min|m|h|d)")
_SPAN = re.compile(r"(\d+)\s*(s|min|m|h|d)")
MAX_CACHED = 20_000


class ShapingError(ValueError):
    """The table has something nobody knows or can use; the text says what and where."""


class Rate(msgspec.Struct, frozen=True):
    """So many in so many seconds."""

    count: int
    seconds: int

    @property
    def interval(self) -> float:
        """Seconds from one to the next."""
        return self.seconds / self.count


class Rule(msgspec.Struct, frozen=True):
    """What a reply leads to."""

    name: str
    pattern: "re.Pattern[str]"
    action: str  # suspend · limit
    seconds: float
    after: Rate | None  # so many replies in so much time; None: the first one
    scope: str  # source: from this source to this site · account: this account at this site
    limits: dict[str, Any]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one site from one source. Rates None: no limit. Seconds where it says so."""

    provider: str = ""
    connections: int = 10
    messages_per_connection: int = 100
    message_rate: Rate | None = None
    connection_rate: Rate | None = None
    idle_seconds: float = 60.0
    adaptive: bool = True
    failures: int = 100  # failed connections in a row after which the site counts as dead for a while
    require_tls: bool = False
    provider_connections: int = 0  # over all sites of the provider; 0: no such limit
    provider_message_rate: Rate | None = None
    rules: tuple[Rule, ...] = ()


_LIMITS = tuple(name for name in msgspec.structs.fields(Policy) if name.name not in ("provider", "rules"))
_KEYS = frozenset(field.name for field in _LIMITS)
_RATES = frozenset(("message_rate", "connection_rate", "provider_message_rate"))
_WHOLE = frozenset(("connections", "messages_per_connection", "failures", "provider_connections"))
_RULE_KEYS = frozenset(("name", "match", "action", "for", "after", "scope", "limits"))
_TOP = frozenset(("default", "smarthost", "provider", "site", "domain"))


class Shaping:
    """The whole table."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._default = _section(table.get("default", {}), "default")
        smarthost = _section(table.get("smarthost", {}), "smarthost")
        # What holds for the one host that takes everything.
        self.smarthost = Policy(**(self._default | {"rules": ()} | smarthost))
        self._suffixes: dict[str, tuple[str, ...]] = {}
        self._sections: dict[tuple[str, str], dict[str, Any]] = {}
        for kind in ("provider", "site", "domain"):
            for name, section in _tables(table.get(kind, {}), kind):
                self._add(kind, name.lower(), dict(section))
        self.policy = lru_cache(MAX_CACHED)(self._policy)
        self.provider = lru_cache(MAX_CACHED)(self._provider)

    def _add(self, kind: str, name: str, section: dict[str, Any]) -> None:
        where = f"{kind}.{name}"
        if kind == "provider":
            suffixes = section.pop("mx", None)
            if not isinstance(suffixes, list) or not suffixes:
                raise ShapingError(f"{where}: mx = [suffixes of MX host names] expected")
            self._suffixes[name] = tuple(str(each).lower().strip(".") for each in suffixes)
        for source, own in _tables(section.pop("source", {}), f"{where}.source"):
            self._sections[f"{kind}+source", f"{name} {source}"] = _section(own, f"{where}.source.{source}")
        self._sections[kind, name] = _section(section, where)

    def has_own(self, domain: str) -> bool:
        """Whether a domain has a section: then it is a destination of its own, whatever its MX hosts."""
        return ("domain", domain) in self._sections

    def _provider(self, hosts: tuple[str, ...]) -> str:
        """The provider that runs all the MX hosts, or "": one host elsewhere makes it somebody else's."""
        for name, suffixes in self._suffixes.items():
            if hosts and all(_ends(host, suffixes) for host in hosts):
                return name
        return ""

    def _policy(self, site: str, source: str, provider: str, domain: str = "") -> Policy:
        """What holds; `domain` only where it is a destination of its own.

        Order (delivery-engineering.md 2.2): default, provider, provider and source, site, domain, site and source,
        domain and source; the later one wins, the rules of the later ones are asked first.
        """
        merged = dict(self._default)
        for kind, name in (
            ("provider", provider),
            ("provider+source", f"{provider} {source}"),
            ("site", site.lower()),
            ("domain", domain),
            ("site+source", f"{site.lower()} {source}"),
            ("domain+source", f"{domain} {source}"),
        ):
            section = self._sections.get((kind, name))
            if section is not None:
                rules = (*section.get("rules", ()), *merged.get("rules", ()))
                merged |= section | {"rules": rules}
        return Policy(provider=provider, **merged)


def _ends(host: str, suffixes: Iterable[str]) -> bool:
    host = host.rstrip(".").lower()
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)


def _tables(table: Any, where: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if not isinstance(table, Mapping) or not all(isinstance(each, Mapping) for each in table.values()):
        raise ShapingError(f"{where}: tables expected")
    return table.items()


def _section(section: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings of one section, typed. Raises ShapingError."""
    values: dict[str, Any] = {}
    for name, value in section.items():
        if name == "rules":
            if not isinstance(value, list):
                raise ShapingError(f"{where}.rules: a list of tables expected")
            values["rules"] = tuple(_rule(each, f"{where}.rules[{at}]") for at, each in enumerate(value))
        else:
            values[name] = _value(name, value, where)
    return values


def _value(name: str, value: Any, where: str) -> Any:
    if name not in _KEYS:
        raise ShapingError(_unknown(where, name, _KEYS | {"rules"}))
    if name in _RATES:
        return rate(value, f"{where}.{name}") if value != "" else None
    if name in _WHOLE:
        least = 0 if name == "provider_connections" else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 10_000:
            raise ShapingError(f"{where}.{name}: a whole number from {least} to 10000 expected")
        return value
    if name == "idle_seconds":
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 600:
            raise ShapingError(f"{where}.{name}: seconds from 0 to 600 expected")
        return float(value)
    if not isinstance(value, bool):
        raise ShapingError(f"{where}.{name}: true or false expected")
    return value


def _rule(table: Any, where: str) -> Rule:
    if not isinstance(table, Mapping):
        raise ShapingError(f"{where}: a table expected")
    for name in table:
        if name not in _RULE_KEYS:
            raise ShapingError(_unknown(where, name, _RULE_KEYS))
    action, scope = table.get("action", "suspend"), table.get("scope", "source")
    if action not in ("suspend", "limit") or scope not in ("source", "account"):
        raise ShapingError(f"{where}: action is suspend or limit, scope is source or account")
    limits = table.get("limits", {})
    if (action == "limit") != bool(limits) or not isinstance(limits, Mapping):
        raise ShapingError(f'{where}: limits = {{…}} belongs to action = "limit", and only there')
    for name, value in limits.items():
        _value(name, value, f"{where}.limits")
    try:
        pattern = re.compile(table["match"], re.IGNORECASE)
    except (KeyError, TypeError, re.error) as wrong:
        raise ShapingError(f"{where}.match: a regular expression expected ({wrong})") from wrong
    after = table.get("after")
    return Rule(
        str(table.get("name") or table["match"])[:100],
        pattern,
        action,
        seconds(table.get("for"), f"{where}.for"),
        None if after is None else rate(after, f"{where}.after"),
        scope,
        dict(limits),
    )


def rate(value: Any, where: str) -> Rate:
    """`100/min` as a Rate. Raises ShapingError."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or not int(found[1]):
        raise ShapingError(f"{where}: a rate such as 100/min expected, not {value!r}")
    return Rate(int(found[1]), _UNITS[found[2]])


def seconds(value: Any, where: str) -> float:
    """`90m` as seconds. Raises ShapingError."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < int(found[1]) * _UNITS[found[2]] <= 30 * 86400:
        raise ShapingError(f"{where}: a time such as 90m or 2h expected, not {value!r}")
    return float(int(found[1]) * _UNITS[found[2]])


def with_limits(policy: Policy, limits: Mapping[str, Any]) -> Policy:
    """`policy` with the limits of a rule for a while; never looser than it was."""
    changed: dict[str, Any] = {}
    for name, value in limits.items():
        new, old = _value(name, value, "limits"), getattr(policy, name)
        if isinstance(new, Rate):
            new = new if old is None or new.interval > old.interval else old
        elif name in _WHOLE and old:
            new = min(new, old)
        changed[name] = new
    return msgspec.structs.replace(policy, **changed)


def _unknown(where: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"{where}: unknown key {name}" + (f"; did you mean {close[0]}?" if close else "")


def _merge(ours: dict[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The operator's table over ours; lists of rules are put in front, everything else replaces."""
    for name, value in theirs.items():
        if isinstance(value, Mapping) and isinstance(ours.get(name), dict):
            _merge(ours[name], value)
        elif name == "rules" and isinstance(value, list):
            ours[name] = [*value, *ours.get(name, [])]
        else:
            ours[name] = value
    return ours


def load(path: str = "") -> Shaping:
    """The built-in table with the operator's file over it. Raises ShapingError."""
    table = tomllib.loads(files(__package__).joinpath("shaping.toml").read_text())
    if path:
        try:
            own = tomllib.loads(Path(path).read_text())
        except (OSError, ValueError) as wrong:
            raise ShapingError(f"{path}: {wrong}") from wrong
        for name in own:
            if name not in _TOP:
                raise ShapingError(_unknown(path, name, _TOP))
        table = _merge(table, own)
    return Shaping(table)
