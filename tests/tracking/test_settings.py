"""A domain's tracking settings: every spelling in, the shapes clients look for out."""

import pytest

from ..world import World

DONE = "Domain tracking settings have been updated"
PATH = "/v3/domains/{d}/tracking"


async def test_a_new_domain_tracks_nothing_and_has_footers_ready(api: World) -> None:
    assert await api.ok("GET", PATH) == {
        "tracking": {
            "open": {"active": False, "place_at_the_top": False},
            "click": {"active": False},
            "unsubscribe": {
                "active": False,
                "html_footer": '\n<br>\n<p><a href="%unsubscribe_url%">unsubscribe</a></p>\n',
                "text_footer": "\n\nTo unsubscribe click: <%unsubscribe_url%>\n\n",
            },
            "web_scheme": "http",
        }
    }


@pytest.mark.parametrize(
    ("word", "shown"),
    [("yes", True), ("true", True), ("no", False), ("False", False), ("htmlonly", "htmlonly")],
)
async def test_clicks(api: World, word: str, shown: bool | str) -> None:
    answer = await api.ok("PUT", f"{PATH}/click", data={"active": word})
    assert answer == {"message": DONE, "click": {"active": shown}}
    assert (await api.ok("GET", PATH))["tracking"]["click"] == {"active": shown}


async def test_opens_and_unsubscribes_change_only_what_was_given(api: World) -> None:
    assert await api.ok("PUT", f"{PATH}/open", data={"active": "yes"}) == {
        "message": DONE,
        "open": {"active": True, "place_at_the_top": False},
    }
    answer = await api.ok("PUT", f"{PATH}/open", json={"place_at_the_top": True})
    assert answer["open"] == {"active": True, "place_at_the_top": True}
    answer = await api.ok(
        "PUT", f"{PATH}/unsubscribe", params={"active": "true"}, files={"html_footer": (None, "")}
    )
    assert answer["unsubscribe"]["active"] is True and answer["unsubscribe"]["html_footer"] == ""
    assert answer["unsubscribe"]["text_footer"].startswith("\n\nTo unsubscribe")
    assert (await api.ok("PUT", f"{PATH}/click", data={}))["click"] == {"active": False}


async def test_what_cannot_be(api: World) -> None:
    assert (await api.call("PUT", f"{PATH}/click", data={"active": "maybe"})).status_code == 400
    assert (await api.call("PUT", f"{PATH}/open", data={"active": "maybe"})).status_code == 400
    assert (
        await api.call("PUT", f"{PATH}/unsubscribe", data={"html_footer": "x" * 20_000})
    ).status_code == 400
    for way, path in (("GET", PATH), ("PUT", f"{PATH}/open"), ("PUT", f"{PATH}/click")):
        assert (await api.call(way, path, key=api.two.key, data={"active": "yes"})).status_code == 404
    assert (await api.ok("GET", PATH))["tracking"]["click"] == {"active": False}
