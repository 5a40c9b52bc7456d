"""The installation's clock, which tests move through retries and schedules."""

import math

from postwright import accounts
from postwright.accounts import Area, NotAllowed, Principal
from postwright.kernel.clock import SECOND, Clock, Movable, SharedClock
from postwright.kernel.db import Db, leave_behind, next_due
from postwright.kernel.http import Controller, dates, get, post
from postwright.kernel.settings import Settings

from ..errors import BadMove, NotCapturing, NothingWaits
from ..schemas import ClockMove, ClockShown

_PATH = "/postwright/v1/capture/clock"
MAX_MOVE = 90 * 86400  # seconds of one move


class TheClock(Controller):
    """The time as the whole installation sees it. It goes forward only."""

    @get(_PATH, id="capture.clock", access=Area.OPERATIONS)
    async def show(self, principal: Principal, db: Db, clock: Clock) -> ClockShown:
        """Show what time it is, and when the next thing is due."""
        return await _shown(db, clock)

    @post(
        _PATH,
        id="capture.clock.move",
        access=Area.OPERATIONS,
        errors=(NotCapturing, BadMove, NothingWaits, NotAllowed),
    )
    async def move(
        self, principal: Principal, db: Db, clock: Clock, settings: Settings, fields: ClockMove
    ) -> ClockShown:
        """Move the clock forward: by seconds, to a date, or to what is due next."""
        if not settings.capture or not isinstance(clock, Movable):
            raise NotCapturing
        if await db.read(accounts.any_account) != principal.account_id:
            raise NotAllowed  # the clock is everybody's: whose installation it is decides
        micros = await _distance(db, clock.now(), fields)
        await db.write(leave_behind, micros)
        clock.advance(micros / SECOND)
        return await _shown(db, clock)


async def _distance(db: Db, now: int, fields: ClockMove) -> int:
    """By how many microseconds to move. Raises BadMove, NothingWaits."""
    if bool(fields.to) == bool(fields.advance):
        raise BadMove("Either advance (seconds) or to (a date, or next) expected")
    if fields.to == "next":
        at = await db.read(next_due, now)
        if at is None:
            raise NothingWaits
        return at - now
    seconds = fields.advance
    if fields.to:
        try:
            seconds = (dates.parse(fields.to) - now) / SECOND
        except ValueError as wrong:
            raise BadMove(f"to is a date or next: {wrong}") from wrong
    if not math.isfinite(seconds) or not 0 < seconds <= MAX_MOVE:
        raise BadMove(f"The clock moves forward only, by at most {MAX_MOVE // 86400} days at once")
    return round(seconds * SECOND)


async def _shown(db: Db, clock: Clock) -> ClockShown:
    now = clock.now()
    at = await db.read(next_due, now)
    return ClockShown(
        now=dates.rfc3339_millis(now),
        ahead=(clock.ahead if isinstance(clock, SharedClock) else 0) / SECOND,
        next=None if at is None else dates.rfc3339_millis(at),
        next_in=None if at is None else (at - now) / SECOND,
    )
