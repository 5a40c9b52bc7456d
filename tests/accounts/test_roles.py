"""The matrix, against the table of behaviour.md 1.2 (and our own area) written out once more by hand."""

import pytest

from postwright.accounts.roles import Area, Right, Role, may

_BY_HAND = """
domains              RW R  RW R
messages             RW R  RW R
sending              RW R  RW R
webhooks             RW R  RW R
logs                 RW R  RW R
tags                 RW R  RW R
metrics              RW R  RW R
routes               RW R  RW R
ips                  RW R  RW R
ip pools             RW R  RW R
subaccounts          RW R  RW R
validations          RW R  RW R
secure tracking      RW R  RW R
ip allowlist         RW R  RW R
account management   RW R  RW R
bounces              RW -  RW RW
complaints           RW -  RW RW
unsubscribes         RW -  RW RW
allowlist            RW R  RW RW
mailing lists        RW R  RW RW
templates            RW R  RW RW
custom message limit RW R  R  R
smtp credentials     RW -  R  -
keys                 RW -  R  -
users                R  -  -  -
own user             R  R  R  R
own session          RW RW RW RW
people               RW -  -  -
operations           RW -  -  -
"""
_WRITTEN = {line[:20].strip(): line[20:].split() for line in _BY_HAND.strip().splitlines()}


def test_every_area_has_a_row() -> None:
    assert set(_WRITTEN) == {area.value for area in Area}


@pytest.mark.parametrize("area", Area)
def test_the_matrix_is_the_documented_one(area: Area) -> None:
    roles = (Role.ADMIN, Role.BASIC, Role.DEVELOPER, Role.SUPPORT)
    for role, letters in zip(roles, _WRITTEN[area.value], strict=True):
        assert may(role, area, Right.READ) == (letters in ("R", "RW")), role
        assert may(role, area, Right.WRITE) == (letters == "RW"), role


@pytest.mark.parametrize("area", Area)
def test_the_role_sending_sends_and_does_nothing_else(area: Area) -> None:
    assert may(Role.SENDING, area, Right.READ) == (area is Area.SENDING)
    assert may(Role.SENDING, area, Right.WRITE) == (area is Area.SENDING)
