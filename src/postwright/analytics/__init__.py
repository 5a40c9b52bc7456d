"""Figures and searches over everything that happened, however much that is.

Owns the event table (Delta Lake; columns in `columns.py`), and the table `event_retentions`. Reads the log:
`Sealer` copies it into the event table, with the log's position in the same commit, so each event is there once.
Writes no events.

- All questions go through a `Ledger`: the table up to its position and the log behind it are one relation, so that
  an event counts as soon as it is committed. `await ledger.ask(question, …)` runs `question(look, …)` in a thread.
- `counts(ledger, Question(…))` gives figures by any dimensions, `totals` those of everything together. What counts
  as what is decided once for each event, in `marks.py`: all figures of all operations are counts of the same bits.
- A question is bounded in time, memory and how many may wait; then it is refused, never slow for others.
"""

from .copying import copy_table, table_state
from .erasure import forget_domain
from .errors import BadQuery, Behind, Busy, TooLong
from .figures import Figures, Group, Question, counts, totals
from .filters import Predicate
from .ledger import Ledger, Look, Parameters
from .marks import BITS, COUNTS, RATES, bits, rate
from .ranges import Span, span, step
from .retention import forget_domain as forget_retention
from .retention import oldest_shown
from .sealer import Sealer
from .search import Hit, Page, Search, history
from .sql import run as run_sql

__all__ = [
    "BITS",
    "COUNTS",
    "RATES",
    "BadQuery",
    "Behind",
    "Busy",
    "Figures",
    "Group",
    "Hit",
    "Ledger",
    "Look",
    "Page",
    "Parameters",
    "Predicate",
    "Question",
    "Sealer",
    "Search",
    "Span",
    "TooLong",
    "bits",
    "copy_table",
    "counts",
    "forget_domain",
    "forget_retention",
    "history",
    "oldest_shown",
    "rate",
    "run_sql",
    "span",
    "step",
    "table_state",
    "totals",
]
