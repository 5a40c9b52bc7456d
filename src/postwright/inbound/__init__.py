"""The MX door: mail from anybody for our domains.

What is taken is stored with a job for each recipient in one transaction before the 250 (`arrivals`); what is not is
refused before it, so that nothing is ever bounced. The worker then asks the handlers. Writes the event `accepted`
for each recipient that is not a report or an unsubscription.
"""

from . import facts
from .directory import Directory
from .kept import Kept, stored
from .receive import Receiver
from .worker import InboundWorker

__all__ = ["Directory", "InboundWorker", "Kept", "Receiver", "facts", "stored"]
