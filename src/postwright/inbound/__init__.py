"""The MX door: mail from anybody for our domains.

What is taken is stored with a job for each recipient in one transaction before the 250 (`arrivals`); what is not is
refused before it, so that nothing is ever bounced. The worker then asks the handlers. Writes the event `accepted`
for each recipient that is not a report or an unsubscription.
"""

from . import facts
from .assess import Assessor
from .consumed import Bounces, Complaints, Unsubscribing
from .directory import Directory
from .judging import Judge
from .kept import Kept, stored
from .limits import PeerLimits
from .receive import Receiver
from .rspamd import Rspamd
from .worker import InboundWorker

__all__ = [
    "Assessor",
    "Bounces",
    "Complaints",
    "Directory",
    "InboundWorker",
    "Judge",
    "Kept",
    "PeerLimits",
    "Receiver",
    "Rspamd",
    "Unsubscribing",
    "facts",
    "stored",
]
