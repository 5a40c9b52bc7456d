"""A report, line by line."""

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """How a check ended. `WARN`: nothing is broken, or nobody could tell."""

    PASS = "pass"  # noqa: S105  no password
    WARN = "warn"
    FAIL = "fail"


class Line(msgspec.Struct, frozen=True):
    """One check of one thing. `fix` says what to do; "" when all is well."""

    check: str
    about: str
    status: Status
    text: str
    fix: str = ""


def passed(check: str, about: str, text: str) -> Line:
    """All is well."""
    return Line(check, about, Status.PASS, text)


def warned(check: str, about: str, text: str, fix: str) -> Line:
    """Somebody should look."""
    return Line(check, about, Status.WARN, text, fix)


def failed(check: str, about: str, text: str, fix: str) -> Line:
    """Something does not work."""
    return Line(check, about, Status.FAIL, text, fix)
