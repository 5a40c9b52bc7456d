"""Replies of the operations on warm-ups."""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import dates
from postwright.kernel.http.paging import Limit

from .. import warmup
from ..warmup import State


class WarmupQuery(Limit, kw_only=True):
    """Which page of warm-ups."""

    default: ClassVar[int] = 10
    most: ClassVar[int] = 1000

    page: str = ""


class WarmupItem(msgspec.Struct, kw_only=True):
    """How far an address has come."""

    ip: str
    sent_within_stage: str
    throttle: int  # percent of this hour's limit that is left
    stage_number: int
    stage_start_volume: int
    stage_start_time: str
    stage_volume_limit: int

    @classmethod
    def of(cls, state: State, plan: Sequence[int], now: int) -> "WarmupItem":
        """A plan as lists show it."""
        return cls(**_warmup(state, plan, now))


def _warmup(state: State, plan: Sequence[int], now: int) -> dict[str, Any]:
    limit = state.limit(plan)
    hourly = warmup.hourly(limit)
    used = state.hour_sent if now < state.hour_started_at + warmup.HOUR else 0
    sent = state.day_sent if now < state.day_started_at + warmup.DAY else 0
    return {
        "ip": state.address,
        "sent_within_stage": f"{sent * 100 // limit}%",
        "throttle": (hourly - used) * 100 // hourly,
        "stage_number": state.stage,
        "stage_start_volume": state.sent_before,
        "stage_start_time": dates.rfc3339(state.stage_started_at),
        "stage_volume_limit": limit,
    }


class WarmupPlan(msgspec.Struct):
    """Messages a day, one number for each day that ends well."""

    ip: str
    stage_number: int
    limits: list[int]


class Warmups(msgspec.Struct):
    """Addresses that are being warmed up."""

    items: list[WarmupItem]
    paging: dict[str, str]


class WarmupStage(msgspec.Struct):
    """A stage that ended."""

    first_updated_at: str
    completed_at: str
    limit: int


class WarmupDetails(WarmupItem, kw_only=True):
    """A plan in full: the list's names as well, because some clients read those (behaviour.md 15.4)."""

    start_volume: int
    stage: int
    stage_limit: int
    hourly_limit: int
    stage_started_at: str
    hour_started_at: str
    plan_started_at: str
    plan_last_updated_at: str
    total_stages: int
    stage_history: list[WarmupStage]
    held: str  # why the last day did not end its stage

    @classmethod
    def about(cls, state: State, plan: Sequence[int], now: int) -> "WarmupDetails":
        """A plan in full."""
        return cls(
            **_warmup(state, plan, now),
            start_volume=state.sent_before,
            stage=state.stage,
            stage_limit=state.limit(plan),
            hourly_limit=warmup.hourly(state.limit(plan)),
            stage_started_at=dates.rfc3339(state.stage_started_at),
            hour_started_at=dates.rfc3339(state.hour_started_at),
            plan_started_at=dates.rfc3339(state.plan_started_at),
            plan_last_updated_at=dates.rfc3339(state.updated_at),
            total_stages=len(plan),
            stage_history=[
                WarmupStage(
                    dates.rfc3339(each.first_updated_at), dates.rfc3339(each.completed_at), each.limit
                )
                for each in state.ended
            ],
            held=state.held,
        )


class WarmupShown(msgspec.Struct):
    """A plan in full."""

    details: WarmupDetails
