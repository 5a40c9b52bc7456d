"""Slack as a channel of alerts, over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, put
from postwright.kernel.http.paging import BadToken, position, token_links, url
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from .. import service
from ..errors import BadAlert, NoChannel, NoSlack
from ..schemas import ChannelPage, ChannelsQuery, Cursor, Done, SlackIn
from ..service import Slack
from ..slack import SlackApi, SlackChannel, SlackFailed

UPDATED = "Slack settings have been updated"


class SlackAlerts(Controller):
    """The Slack team that is told of alerts."""

    @put("/v1/alerts/settings/slack", id="alerts.slack.connect", access=Area.ACCOUNT, errors=(BadAlert,))
    async def connect(self, principal: Principal, db: Db, vault: Vault, fields: SlackIn) -> Done:
        """Keep the token that Slack gave for a team."""
        given = Slack(fields.token, fields.team_id, fields.team_name, fields.scope)
        await db.write(service.connect_slack, principal.account_id, vault, given)
        return Done(UPDATED)

    @delete("/v1/alerts/settings/slack", id="alerts.slack.disconnect", access=Area.ACCOUNT, status=204)
    async def disconnect(self, principal: Principal, db: Db) -> None:
        """Forget the token, and all alerts that went to Slack."""
        await db.write(service.disconnect_slack, principal.account_id)

    @delete(
        "/v1/alerts/slack/oauth",
        id="alerts.slack.revoke",
        access=Area.ACCOUNT,
        status=204,
        errors=(NoSlack, BadAlert),
    )
    async def revoke(self, principal: Principal, db: Db, vault: Vault, settings: Settings) -> None:
        """Make the token worthless at Slack, and forget it with all alerts that went there."""
        found = await db.read(service.need_slack, principal.account_id, vault)
        try:
            await SlackApi(found.token, settings.slack_url).revoke()
        except SlackFailed as wrong:
            # A token that Slack does not take is worthless already; one that it may still take is kept.
            if not wrong.permanent:
                raise BadAlert(f"Slack: {wrong}") from wrong
        await db.write(service.disconnect_slack, principal.account_id)

    @get(
        "/v1/alerts/slack/channels",
        id="alerts.slack.channels.list",
        access=Area.ACCOUNT,
        errors=(NoSlack, BadAlert, BadToken),
    )
    async def channels(
        self,
        principal: Principal,
        db: Db,
        vault: Vault,
        settings: Settings,
        base_url: str,
        fields: ChannelsQuery,
    ) -> ChannelPage:
        """List the team's channels; Slack pages forwards only, so `previous` leads to the first page."""
        found = await db.read(service.need_slack, principal.account_id, vault)
        page = position(fields.page, Cursor) if fields.page else Cursor(limit=fields.limit)
        items: list[SlackChannel] = []
        following = Cursor(limit=page.limit, end=True)
        if not page.end:
            try:
                items, cursor = await SlackApi(found.token, settings.slack_url).channels(
                    page.cursor, min(max(page.limit, 1), ChannelsQuery.most)
                )
            except SlackFailed as wrong:
                raise BadAlert(f"Slack: {wrong}") from wrong
            if cursor:
                following = Cursor(cursor, page.limit)
        first = Cursor(limit=page.limit)
        address = url(base_url, "v1", "alerts", "slack", "channels")
        end = Cursor(limit=page.limit, end=True)
        return ChannelPage(items, token_links(address, first=first, next=following, previous=first, last=end))

    @get(
        "/v1/alerts/slack/channels/{id:str}",
        id="alerts.slack.channels.get",
        access=Area.ACCOUNT,
        errors=(NoSlack, NoChannel, BadAlert),
    )
    async def channel(
        self, principal: Principal, id: str, db: Db, vault: Vault, settings: Settings
    ) -> SlackChannel:
        """Show one of the team's channels."""
        found = await db.read(service.need_slack, principal.account_id, vault)
        try:
            return await SlackApi(found.token, settings.slack_url).channel(id)
        except SlackFailed as wrong:
            if str(wrong) == "channel_not_found":
                raise NoChannel from wrong
            raise BadAlert(f"Slack: {wrong}") from wrong
