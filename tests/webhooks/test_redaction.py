"""Webhooks of domains that want no persons in them."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright import domains
from postwright.domains import new_key
from postwright.domains.service import change
from postwright.testing.catcher import Catcher
from postwright.webhooks.redaction import redact
from postwright.webhooks.service import Level

from .conftest import DONE, World

EVENT: dict[str, Any] = {
    "event": "failed",
    "recipient": "Bob.Builder@example.net",
    "recipient-domain": "example.net",
    "ip": "192.0.2.77",
    "envelope": {"sender": "news@acme.test", "targets": "bob.builder@example.net", "transport": "smtp"},
    "message": {
        "headers": {
            "to": "Bob Builder <bob.builder@example.net>",
            "from": "news@acme.test",
            "message-id": "1@acme.test",
        },
        "recipients": ["bob.builder@example.net"],
        "attachments": [],
        "size": 7,
    },
    "delivery-status": {
        "code": 550,
        "message": "5.1.1 <BOB.builder@example.net>: no such user",
        "attempt-no": 1,
    },
    "url": "https://acme.test/?who=bob.builder%40example.net",
    "user-variables": {"name": "Bob"},
    "geolocation": {"city": "Bonn", "country": "DE", "region": "NW", "timezone": "Europe/Berlin"},
    "client-info": {"client-name": "Firefox", "user-agent": "Mozilla/5.0 of Bob", "ip": "192.0.2.77"},
    "routes": [{"id": "1", "match": {"recipient": "bob.builder@example.net"}}],
    "tags": ["news"],
    "storage": {"key": "abc", "url": "https://api.test/v3/domains/acme.test/messages/abc"},
}


async def test_only_of_the_domain_that_wants_it(world: World, catcher: Catcher) -> None:
    account = await world.account()
    levels = []
    for name in ("private.test", "open.test"):
        made = await world.db.write(
            domains.create_first,
            world.clock.now(),
            world.vault,
            account,
            name,
            new_key(1024),
            sandbox=False,
            postmaster_hash="",
        )
        levels.append(Level(account, made.id))
    values = {"redact_webhooks": True}
    await world.db.write(change, world.clock.now(), account, "private.test", values, "")
    await world.hook(Level(account), catcher.url("/all"), "permanent_fail")
    for level in levels:
        await world.event(level, "failed", "permanent", **EVENT)
    await world.project()
    async with world.sending():
        await catcher.wait(2)
        await world.until(lambda rows: all(row.state == DONE for row in rows))
    bodies = sorted((each.body for each in catcher.caught), key=lambda body: b"bob" in body.lower())
    assert b"bob" not in bodies[0].lower() and b"192.0.2.77" not in bodies[0] and b"Bonn" not in bodies[0]
    told = msgspec.json.decode(bodies[0])["event-data"]
    # The shape is what clients expect, and what is not personal is there.
    assert {name: type(value) for name, value in told.items() if name in EVENT} == {
        name: type(value) for name, value in EVENT.items()
    }
    assert told["delivery-status"]["message"] == "5.1.1 <>: no such user"
    assert (told["recipient"], told["recipient-domain"], told["tags"]) == ("", "example.net", ["news"])
    assert told["storage"] == EVENT["storage"] and told["envelope"]["sender"] == "news@acme.test"
    assert b"Bob.Builder@example.net" in bodies[1] and b"192.0.2.77" in bodies[1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(EVENT)), JSON))
def test_anything_that_was_recorded(event: dict[str, Any]) -> None:
    assert isinstance(msgspec.json.decode(redact(msgspec.json.encode(event))), dict)
