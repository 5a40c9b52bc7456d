"""What will happen to each recipient: rows due at a time.

Tables: `site_providers` (who runs the mailboxes of recipient domains), and `queue`, one row for a recipient that is
not finished. States:

    queued -> leased -> (gone | queued | parked | held)      parked -> leased      held -> queued

Parked rows are due, but their destination takes no more now (it is full, throttled or suspended): they stand in
an index of their own and cost the claims of others nothing. Claims go in turn of the accounts, and messages to few
recipients go before those to many; both are steps in an index, so that a claim costs the same however long the
queue is.

Held rows wait for an operator: no claim sees them, and their time to live stands still.

Invariants: a lease has a token and an end; every transition out of `leased` compares the token (compare-and-set),
so a worker that lost its lease cannot finish what another has taken over. An expired lease returns the row with
its attempts unchanged; where an attempt had begun, after a pause and marked `ambiguous`, because the receiver may
have the message. What a dead process held returns as soon as its death is known: tokens begin with who holds
the lease. A finished recipient leaves the queue in the transaction that appends its event.
"""

from .operating import (
    State,
    Waiting,
    Where,
    browse,
    cancel,
    depth,
    depth_of_sites,
    having,
    held_rules,
    hold,
    hurry,
    of_message,
    release,
)
from .providers import note_providers, noted_providers, provider_names
from .service import (
    LEASE_SECONDS,
    Item,
    NewItem,
    Recovered,
    Turns,
    add,
    any_due,
    claim,
    claim_ended,
    claim_parked,
    defer,
    finish,
    give_back,
    has_domain,
    park,
    parked_sites,
    purge,
    recover,
    recover_of,
    release_all,
    start,
    unpark,
    waiting,
)

__all__ = [
    "LEASE_SECONDS",
    "Item",
    "NewItem",
    "Recovered",
    "State",
    "Turns",
    "Waiting",
    "Where",
    "add",
    "any_due",
    "browse",
    "cancel",
    "claim",
    "claim_ended",
    "claim_parked",
    "defer",
    "depth",
    "depth_of_sites",
    "finish",
    "give_back",
    "has_domain",
    "having",
    "held_rules",
    "hold",
    "hurry",
    "note_providers",
    "noted_providers",
    "of_message",
    "park",
    "parked_sites",
    "provider_names",
    "purge",
    "recover",
    "recover_of",
    "release",
    "release_all",
    "start",
    "unpark",
    "waiting",
]
