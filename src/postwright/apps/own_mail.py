"""Mail of the installation itself, by the way in of every message."""

from postwright import messages
from postwright.domains import Domain
from postwright.mail.addresses import parse_one
from postwright.messages import Acceptor, Options, Origin
from postwright.tracking import Wish

from .context import Context


async def post(
    context: Context, acceptor: Acceptor, domain: Domain, recipient: str, raw: bytes, *, tag: str, now: int
) -> str:
    """Accept the finished message `raw` from `domain` at `now` (microseconds); its Message-Id.

    Untracked: nobody else may follow, or rewrite, a link that works once. Raises AddressError, Refused.
    """
    to = parse_one(recipient)
    options = Options(tags=[tag], tracking=Wish(opens=False, clicks="no"))
    message_id = messages.new_message_id(now, domain.name)
    draft = messages.from_mime(raw, [to], options, domain.name, message_id, now)
    origin = Origin(
        account_id=domain.account_id,
        domain_id=domain.id,
        domain=domain.name,
        method="HTTP",
        unlimited=True,
        ip="",
        base_url=context.settings.local_url,
        return_host=domain.return_host,
    )
    await acceptor.accept(draft, origin)
    return message_id
