"""Explaining a send says what sending does, and does nothing."""

import json
from typing import Any

from tests.world import World, world

PATH = "/postwright/v1/domains/{d}/messages/explain"


def state(said: Any) -> dict[str, str]:
    return {field["name"]: field["state"] for field in said["fields"]}


def field(said: Any, name: str) -> Any:
    return next(each for each in said["fields"] if each["name"] == name)


async def explained(api: World, **fields: Any) -> Any:
    given = {"from": f"Ann <ann@{api.one.domain}>", "to": "bob@x.test", "subject": "Hi", "text": "Hello."}
    data = given | {name.replace("__", ":").replace("_", "-"): value for name, value in fields.items()}
    said = await api.ok("POST", PATH, data={k: v for k, v in data.items() if v is not None})
    answer = await api.call("POST", "/v3/{d}/messages", data={k: v for k, v in data.items() if v is not None})
    # What it says is what a send with the same fields is answered.
    assert (said["status"], said["message"]) == (answer.status_code, answer.json()["message"])
    return said


async def test_explaining(sqlite_db: Any, tmp_path: Any) -> None:
    async with world(sqlite_db, tmp_path) as api:
        said = await api.ok(
            "POST",
            PATH,
            data={
                "from": f"Ann <ann@{api.one.domain}>",
                "to": "Bob <bob@x.test>, eve@x.test",
                "subject": "Hi %recipient.name%",
                "html": "<b>%recipient.name%</b>",
                "recipient-variables": json.dumps({"bob@x.test": {"name": "Bob"}, "zoe@x.test": {}}),
                "o:tag": "news",
                "o:tags": "typo",
                "o:campaign": "old",
                "t:version": "v1",
                "h:X-Own": "yes",
                "h:From": "evil@x.test",
                "v:id": "7",
            },
        )
        assert said["accepted"] and said["status"] == 200
        assert state(said) == {
            "from": "accepted",
            "to": "accepted",
            "subject": "accepted",
            "html": "accepted",
            "recipient-variables": "accepted",
            "o:tag": "accepted",
            "o:tags": "ignored",
            "o:campaign": "ignored",
            "t:version": "ignored",
            "h:X-Own": "accepted",
            "h:From": "ignored",
            "v:id": "accepted",
        }
        assert "did you mean o:tag?" in field(said, "o:tags")["why"]
        assert field(said, "o:tag")["understood"] == {"tags": ["news"]}
        assert "zoe@x.test" in field(said, "recipient-variables")["why"]
        bob, eve = said["recipients"]
        assert bob["html"].strip() == "<b>Bob</b>" and ["Subject", "Hi Bob"] in bob["headers"]
        assert ["X-Own", "yes"] in bob["headers"] and ["To", "Bob <bob@x.test>"] in bob["headers"]
        assert "%recipient.name%" in eve["html"]
        assert (await api.ok("GET", "/v3/{d}/events"))["items"] == []  # nothing was stored

        await api.ok("POST", "/v3/{d}/bounces", data={"address": "bob@x.test"})
        (only,) = (await explained(api))["recipients"]
        assert only["suppressed"] == "Not delivering to previously bounced address"

        said = await explained(api, o__deliverytime="someday", to="no address at all")
        assert not said["accepted"]
        assert state(said)["o:deliverytime"] == state(said)["to"] == "refused"
        said = await explained(api, o__sending_ip="192.0.2.200")
        assert said["status"] == 403
        said = await explained(api, template="nowhere", text=None)
        assert not said["accepted"]
        await explained(api, v__big="x" * 20_000)
        missing = await api.call("POST", PATH.replace("{d}", api.two.domain), data={"to": "a@x.test"})
        assert missing.status_code == 404
