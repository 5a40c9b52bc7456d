"""When each recipient reads its mail: what send-time optimisation and local times are decided by.

Table: `habits`, one row for a recipient and an account: its time zone and how often it opened or clicked in each
hour of the week. Reads the events `opened` and `clicked`, of people only: what machines do says nothing about them.
Of someone who has not been seen for KEEP_DAYS nothing is kept. One account never learns from another's mail.
"""

from .service import KEEP_DAYS, Habit, best, expire, local, of

__all__ = ["KEEP_DAYS", "Habit", "best", "expire", "local", "of"]
