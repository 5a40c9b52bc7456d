"""Trying the channels of alerts, over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, post
from postwright.kernel.outgoing import Outgoing
from postwright.kernel.secrets import Vault

from .. import service
from ..errors import BadAlert, NoSlack, Undelivered
from ..records import Facts
from ..schemas import Done, TestEmail, TestSlack, TestWebhook
from ..sender import AlertSender, Failed
from ..store import settings as store

SENT = "Test alert sent"


class AlertTests(Controller):
    """Test alerts: sent at once, so that the answer tells what came of them."""

    @post(
        "/v1/alerts/webhooks/test",
        id="alerts.webhooks.test",
        access=Area.ACCOUNT,
        errors=(BadAlert, Undelivered),
    )
    async def webhook(
        self,
        principal: Principal,
        clock: Clock,
        outgoing: Outgoing,
        alert_sender: AlertSender,
        fields: TestWebhook,
    ) -> Done:
        """Send a test alert to a URL."""
        facts = _facts(clock, fields.event_type)
        if not fields.url:
            raise BadAlert("url is missing")
        try:
            await alert_sender.tell_url(outgoing, principal.account_id, fields.url, facts)
        except Failed as wrong:
            raise Undelivered(f"{fields.url[:500]}: {wrong}") from wrong
        return Done(SENT)

    @post(
        "/v1/alerts/email/test", id="alerts.email.test", access=Area.ACCOUNT, errors=(BadAlert, Undelivered)
    )
    async def email(
        self, principal: Principal, clock: Clock, alert_sender: AlertSender, fields: TestEmail
    ) -> Done:
        """Send a test alert to e-mail addresses."""
        facts = _facts(clock, fields.event_type)
        for address in service.checked_emails(fields.emails):
            try:
                await alert_sender.tell_address(address, facts)
            except Failed as wrong:
                raise Undelivered(f"{address}: {wrong}") from wrong
        return Done(SENT)

    @post(
        "/v1/alerts/slack/test",
        id="alerts.slack.test",
        access=Area.ACCOUNT,
        errors=(BadAlert, NoSlack, Undelivered),
    )
    async def slack(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        alert_sender: AlertSender,
        fields: TestSlack,
    ) -> Done:
        """Send a test alert to Slack channels: those given, or those that are told of the type."""
        facts = _facts(clock, fields.event_type)
        await db.read(service.need_slack, principal.account_id, vault)
        given = fields.channel_ids
        if not given:
            found = await db.read(store.of_account, principal.account_id, fields.event_type)
            given = [name for each in found if each.channel == "slack" for name in service.targets(each)]
        for channel in service.checked_channels(given):
            try:
                await alert_sender.tell_slack(principal.account_id, channel, facts)
            except Failed as wrong:
                raise Undelivered(f"{channel}: {wrong}") from wrong
        return Done(SENT)


def _facts(clock: Clock, event_type: str) -> Facts:
    kind = service.checked_type(event_type)
    message = f"This is a test of alerts of the type {kind}: nothing has happened."
    return service.event(clock.now(), kind, {"message": message, "test": True}, "info")
