"""What the world reports about mail that was delivered: bounces that come late, and complaints.

Owns no tables: a report leads, by the marks on the sent copy (`messages.Traces`), to the events of the delivery it is
about. Writes `failed` (a delayed bounce) and `complained`; the suppression lists follow from those. Invariants: a
report without a genuine mark changes nothing; the same report again changes nothing; a report never causes mail.
"""

from .service import Reports, Taken

__all__ = ["Reports", "Taken"]
