"""Mailing lists: what members, posters and strangers see."""

import asyncio
import email
import email.policy
import json
import re
import smtplib
from email.message import EmailMessage
from typing import Any

import aiohttp
import pytest

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

LIST = f"news@{DOMAIN}"


async def _list(api: Api, address: str = LIST, members: Any = (), **more: str) -> None:
    status, body = await api.call("POST", "/v3/lists", data={"address": address} | more)
    assert status == 200, body
    data = {"members": json.dumps(list(members))}
    status, body = await api.call("POST", f"/v3/lists/{address}/members.json", data=data)
    assert status == 200, body


async def _mail(sink: Sink, count: int) -> dict[str, EmailMessage]:
    """What arrived, by recipient; never more than `count`."""

    async def arrived() -> bool:
        return len(sink.messages) >= count

    await wait_for(arrived, f"{count} messages")
    assert len(sink.messages) == count
    return {
        each.recipients[0]: email.message_from_bytes(each.data, policy=email.policy.default)  # type: ignore[misc]
        for each in sink.messages
    }


async def _events(api: Api, count: int, **filters: str) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        found = await api.events(**filters)
        return found if len(found) >= count else None

    found: list[dict[str, Any]] = await wait_for(look, f"{count} events {filters}")
    return found


MEMBERS = [
    {"address": "ann@example.net", "name": "Ann A", "vars": {"city": "Oslo"}},
    {"address": "bob@example.net", "vars": {"city": "Bonn"}},
    {"address": "gone@example.net", "subscribed": False},
    {"address": "no@example.net"},
]


async def test_a_post_by_the_api_goes_to_the_subscribed_members(api: Api, sink: Sink) -> None:
    await _list(api, members=MEMBERS, access_level="members")
    await api.call("POST", f"/v3/{DOMAIN}/unsubscribes", data={"address": "no@example.net"})
    sent = await api.send(
        to=[LIST, "single@example.net"],
        subject="For %recipient.city%",
        text="Hello %recipient_name% %recipient.city%. Leave: %mailing_list_unsubscribe_url%",
        v__who="%recipient_email%",
        o__tag="t-%recipient.city%",
    )
    mail = await _mail(sink, 3)
    single = mail.pop("single@example.net")
    assert single["List-Id"] is None and single["To"] == f"{LIST}, single@example.net"
    ann, bob = mail["ann@example.net"], mail["bob@example.net"]
    assert (ann["Subject"], bob["Subject"]) == ("For Oslo", "For Bonn")
    body = ann.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert body.startswith("Hello Ann A Oslo. Leave: http")
    assert (ann["List-Id"], ann["Precedence"], ann["Sender"]) == (f"<news.{DOMAIN}>", "list", LIST)
    assert ann["List-Post"] == f"<mailto:{LIST}>" and ann["Reply-To"] == LIST
    assert ann["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert ann["Message-Id"] == f"<{sent}>" and ann["To"] == f"{LIST}, single@example.net"
    # One accepted for the post, one for each copy; and suppressions of the domain hold.
    accepted = await _events(api, 5, event="accepted", **{"message-id": sent})
    whom = {event["recipient"]: event.get("mailing-list") for event in accepted}
    assert set(whom) == {LIST, "single@example.net", "ann@example.net", "bob@example.net", "no@example.net"}
    assert whom["single@example.net"] is None and whom[LIST] == whom["ann@example.net"]
    assert {name: whom[LIST][name] for name in ("address", "list-id")} == {
        "address": LIST,
        "list-id": f"news.{DOMAIN}",
    }
    failed = await api.wait_event("failed", sent, recipient="no@example.net")
    assert failed["reason"] == "suppress-unsubscribe"
    event = await api.wait_event("delivered", sent, recipient="ann@example.net")
    assert event["user-variables"] == {"who": "ann@example.net"} and event["tags"] == ["t-Oslo"]
    assert event["mailing-list"] == whom[LIST]
    assert len(await api.events(event="accepted", list=LIST)) == 4
    # The link in the mail is the member's own.
    link = re.findall(r"<(http[^>]+)>", ann["List-Unsubscribe"])[0]
    status, _ = await api.call("POST", link, data={"List-Unsubscribe": "One-Click"})
    assert status == 200
    member = (await api.get(f"/v3/lists/{LIST}/members/ann@example.net"))["member"]
    assert member["subscribed"] is False
    (left,) = await _events(api, 1, event="unsubscribed")
    assert left["mailing-list"]["address"] == LIST and left["recipient"] == "ann@example.net"


def _smtp(api: Api, sender: str, **headers: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, LIST, "a post"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Hello.")
    with smtplib.SMTP(*api.server.mx, timeout=20) as client:
        client.sendmail(sender, [LIST], message.as_string())


@pytest.mark.parametrize("level", ["readonly", "members", "everyone"])
async def test_who_may_post_by_mail(api: Api, sink: Sink, level: str) -> None:
    people = ["ann@example.net", {"address": "left@example.net", "subscribed": False}]
    await _list(api, members=people, access_level=level, reply_preference="sender")
    posters = ["ann@example.net", "left@example.net", "eve@example.org"]
    for poster in posters:
        await asyncio.to_thread(_smtp, api, poster, Reply_To=poster, List_Id="<other.example.org>")
    allowed = {"readonly": 0, "members": 1, "everyone": 3}[level]
    rejected = await _events(api, 3 - allowed, event="rejected") if allowed < 3 else []
    assert len(rejected) == 3 - allowed
    for event in rejected:
        assert event["mailing-list"]["address"] == LIST and event["reject"]["reason"]
    if allowed:
        await _events(api, allowed, event="delivered", recipient="ann@example.net")
        assert len(sink.messages) == allowed
        copy = email.message_from_bytes(sink.messages[0].data, policy=email.policy.default)
        assert copy["Reply-To"] == "ann@example.net" and copy.get_all("List-Id") == [f"<news.{DOMAIN}>"]
        assert copy["From"] == "ann@example.net" and copy["X-Mailgun-Incoming"] is None
        assert "DKIM-Signature" in copy and copy["List-Unsubscribe"]


async def test_loops_and_robots(api: Api, sink: Sink) -> None:
    await _list(api, members=["ann@example.net"], access_level="everyone")
    await asyncio.to_thread(_smtp, api, "ann@example.net", List_Id=f"News <news.{DOMAIN}>")
    await asyncio.to_thread(_smtp, api, "ann@example.net", Auto_Submitted="auto-replied")
    await asyncio.to_thread(_smtp, api, "ann@example.net", Precedence="bulk")
    events = await _events(api, 3, event="rejected")
    assert sorted(event["reject"]["reason"] for event in events) == [
        "automatic reply",
        "loop: the message comes from this list",
        "precedence bulk",
    ]
    assert not sink.messages


async def test_large_lists_survive_kills(
    start_server: Any, settings: dict[str, str], http: Any, sink: Sink
) -> None:
    server = await start_server(**settings, failpoints="posting.batch=kill@2,lists.uploaded=kill@2")
    api = Api(server, http)
    await _list(api)
    rows = "address\n" + "".join(f"m{n}@example.net\n" for n in range(1700))

    form = aiohttp.FormData()
    form.add_field("members", rows.encode(), filename="m.csv", content_type="text/csv")
    status, body = await api.call("POST", f"/v3/lists/{LIST}/members.csv", data=form)
    assert status == 200 and body["message"] == "Mailing list upload started in background"

    async def uploaded() -> bool:
        task = await api.get(f"/postwright/v1/lists/{LIST}/uploads/{body['task-id']}")
        return task["state"] == "done" and task["upserted-count"] == 1700

    await wait_for(uploaded, "the upload", 60)
    assert (await api.get(f"/v3/lists/{LIST}"))["list"]["members_count"] == 1700
    await api.send(to=LIST)

    async def arrived() -> bool:
        return len(sink.messages) >= 1700

    await wait_for(arrived, "all copies", 90)
    recipients = [message.recipients[0] for message in sink.messages]
    assert len(recipients) == len(set(recipients)) == 1700
