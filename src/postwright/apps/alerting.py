"""What tells alerts, put together for a process."""

from postwright import accounts, domains
from postwright.alerts import AlertSender, Mailer
from postwright.delivery import Destinations
from postwright.kernel.db import Read
from postwright.kernel.secrets import Vault
from postwright.mail.dkim import Signer

from .context import Context


def alert_sender(context: Context) -> AlertSender:
    """Tells alerts by mail, webhook and Slack."""

    async def hosted(domain: str) -> bool:
        return await context.db.read(domains.account_of_host, domain) is not None

    async def signing(name: str) -> Signer | None:
        keys = await context.db.read(_keys, context.vault, name, judged=not context.settings.trust_domains)
        return Signer(keys[0].authority, keys[0].selector, keys[0].pem) if keys else None

    destinations = Destinations(context.settings, context.capture_port, clock=context.clock, hosted=hosted)
    return AlertSender(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        vault=context.vault,
        mailer=Mailer(context.settings, destinations, context.hostname, context.clock, signing),
    )


def _keys(tx: Read, vault: Vault, name: str, *, judged: bool) -> list[domains.SigningKey]:
    """The keys of the domain of that name, or else of the nearest one above it (RFC 7489 §3.1.1).

    Only those of the account that runs the installation: no other has a say in what we write.
    """
    owner = accounts.any_account(tx)
    while "." in name:
        found = domains.of_name(tx, name)
        if found is not None and found.account_id == owner:
            return domains.signing_keys(tx, vault, found.id, judged=judged)
        name = name.partition(".")[2]
    return []
