"""What tells alerts, put together for a process."""

from postwright import domains
from postwright.alerts import AlertSender, Mailer
from postwright.delivery import Destinations

from .context import Context


def alert_sender(context: Context) -> AlertSender:
    """Tells alerts by mail, webhook and Slack."""

    async def hosted(domain: str) -> bool:
        return await context.db.read(domains.account_of_host, domain) is not None

    destinations = Destinations(context.settings, context.capture_port, clock=context.clock, hosted=hosted)
    return AlertSender(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        vault=context.vault,
        mailer=Mailer(context.settings, destinations, context.hostname, context.clock),
    )
