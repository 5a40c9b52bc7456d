"""A blocklist that takes an address up: who wants to know is told, at a receiver of webhooks and by mail."""

import email
import email.policy

import msgspec

from postwright import ips
from postwright.alerts import announce
from postwright.testing.dns import FakeDns

from .conftest import AlertStage


async def test_a_listing_reaches_who_wants_to_know(alerts: AlertStage, fake_dns: FakeDns) -> None:
    api = alerts.api
    declared = [ips.Declared("192.0.2.10")]
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, declared, ips.COMMAND)
    await alerts.setting("webhook", "ip_listed", url=alerts.hook.url("/listed"))
    await alerts.setting("webhook", "ip_delisted", url=alerts.hook.url("/delisted"))
    await alerts.setting("email", "domain_listed", emails=["ops@example.net"])
    fake_dns.set("10.2.0.192.bl.test", "A", "127.0.0.2")
    fake_dns.set("10.2.0.192.bl.test", "TXT", "https://bl.test/why")
    fake_dns.set("one.example.com.dbl.test", "A", "127.0.1.2")
    settings = msgspec.structs.replace(
        api.context.settings, dns=fake_dns.address, blocklists="bl.test", domain_blocklists="dbl.test"
    )
    watch = ips.Watch(settings, api.db, api.clock, "mail.example.com", announce)
    await watch.run_once()
    await alerts.told()
    (told,) = [call for call in alerts.hook.caught if call.method == "POST"]
    data = msgspec.json.decode(told.body)["event_data"]
    assert (told.path, data["event"], data["log_level"]) == ("/listed", "ip_listed", "warn")
    assert (data["ip"], data["blocklist"]) == ("192.0.2.10", "bl.test")
    assert data["message"] == "192.0.2.10 is on the blocklist bl.test: https://bl.test/why"
    (mail,) = await alerts.sink.wait(1)
    body = email.message_from_bytes(mail.data, policy=email.policy.default).get_content()
    assert mail.recipients == ["ops@example.net"]
    assert "one.example.com is on the blocklist dbl.test" in body

    fake_dns.remove("10.2.0.192.bl.test")
    api.clock.advance(3600)
    await watch.run_once()
    await alerts.told()
    last = alerts.hook.caught[-1]
    data = msgspec.json.decode(last.body)["event_data"]
    assert (last.path, data["event"], data["log_level"]) == ("/delisted", "ip_delisted", "info")
