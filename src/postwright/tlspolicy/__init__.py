"""What the owners of mail hosts publish about encryption: MTA-STS (RFC 8461) and DANE (RFC 7672).

Table: `sts_policies`, fetched policies that any process uses until they expire. No events. Invariants: a policy that
was fetched holds until its `max_age` is over, whatever DNS or the web server say meanwhile; what DNSSEC proves
beats what the web says; and nothing here ever makes a connection less safe than without it.
"""

from .dane import Pin, authentic, shown
from .service import Policies, PolicyProblem, Unusable
from .store import expire
from .sts import StsPolicy

__all__ = [
    "Pin",
    "Policies",
    "PolicyProblem",
    "StsPolicy",
    "Unusable",
    "authentic",
    "expire",
    "shown",
]
