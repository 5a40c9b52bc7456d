"""Messages to mailing lists: who may post, and a copy for every member.

No tables of its own: `lists` keeps how far each post has come. A post by the API or with SMTP credentials is noticed
when the message is accepted (`messages.Acceptor`); mail that comes in is judged by `ListHandler`. `ListWorker` then
makes one message of it for all members and queues their copies in batches: each batch, its `accepted` events and the
note how far it came are one transaction, so that no member gets two copies or none, whatever dies. Writes the event
`rejected` for posts that are not allowed.
"""

from .handler import ListHandler
from .worker import ListWorker

__all__ = ["ListHandler", "ListWorker"]
