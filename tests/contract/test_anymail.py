"""django-anymail sends through us. What it makes of our webhooks is in tests/webhooks/test_clients.py."""

import email
import email.policy
from email.message import EmailMessage as Parsed

import pytest
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailMessage
from django.conf import settings
from django.core.mail import get_connection

from postwright.testing.sink import Sink
from tests.e2e.conftest import DOMAIN, Api

from .conftest import using

if not settings.configured:
    settings.configure(USE_TZ=True, ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8")


def sent(message: AnymailMessage, api: Api, key: str | None = None, url: str | None = None) -> AnymailMessage:
    """Send `message`; it then has anymail's status."""
    message.connection = get_connection(
        "anymail.backends.mailgun.EmailBackend",
        api_key=key or api.server.api_key,
        api_url=url or f"{api.server.base_url}/v3",
        sender_domain=DOMAIN,
    )
    message.send()
    return message


def parse(data: bytes) -> Parsed:
    return email.message_from_bytes(data, policy=email.policy.default)  # type: ignore[return-value]


async def test_attachments_tags_and_metadata(api: Api, sink: Sink) -> None:
    message = AnymailMessage(
        subject="Grüße",
        body="Hello.",
        from_email=f"Ann Ä <ann@{DOMAIN}>",
        to=["Bob <bob@example.net>"],
        cc=["carl@example.net"],
        reply_to=["reply@example.org"],
        headers={"X-Own": "own"},
        tags=["one", "two"],
        metadata={"order": "12", "nested": "ä"},
        track_opens=False,
    )
    message.attach_alternative("<p>Hello.</p>", "text/html")
    message.attach("räport.csv", "a;b\r\nä;ö\r\n", "text/csv")
    message.attach("raw.bin", bytes(range(256)), "application/octet-stream")
    await using(lambda: sent(message, api))
    status = message.anymail_status
    assert status.status == {"queued"} and set(status.recipients) == {"bob@example.net", "carl@example.net"}

    first, _ = await sink.wait(2)
    parsed = parse(first.data)
    assert parsed["From"] == f"Ann Ä <ann@{DOMAIN}>" and parsed["Subject"] == "Grüße"
    assert (parsed["Reply-To"], parsed["X-Own"]) == ("reply@example.org", "own")
    files = {part.get_filename(): part for part in parsed.iter_attachments()}
    assert files["räport.csv"].get_content_type() == "text/csv"
    assert files["räport.csv"].get_payload(decode=True).decode().replace("\r\n", "\n") == "a;b\nä;ö\n"
    assert files["raw.bin"].get_payload(decode=True) == bytes(range(256))
    event = await api.wait_event("delivered", str(status.message_id).strip("<>"))
    assert event["tags"] == ["one", "two"] and event["user-variables"] == {"order": "12", "nested": "ä"}


async def test_a_batch(api: Api, sink: Sink) -> None:
    message = AnymailMessage(
        subject="For %recipient.name%",
        body="Hello %recipient.name%, %recipient.greeting%",
        from_email=f"ann@{DOMAIN}",
        to=["bob@example.net", "Eve <eve@example.org>"],
        merge_data={"bob@example.net": {"name": "Bob"}, "eve@example.org": {"name": "Eve"}},
        merge_global_data={"greeting": "good day"},
        merge_metadata={"bob@example.net": {"id": "1"}, "eve@example.org": {"id": "2"}},
    )
    await using(lambda: sent(message, api))
    messages = {m.recipients[0]: parse(m.data) for m in await sink.wait(2)}
    for address, shown, name in (
        ("bob@example.net", "bob@example.net", "Bob"),
        ("eve@example.org", "Eve <eve@example.org>", "Eve"),
    ):
        assert (messages[address]["To"], messages[address]["Subject"]) == (shown, f"For {name}")
        assert messages[address].get_content().strip() == f"Hello {name}, good day"
    message_id = str(message.anymail_status.message_id).strip("<>")
    for address, number in (("bob@example.net", "1"), ("eve@example.org", "2")):
        event = await api.wait_event("delivered", message_id, recipient=address)
        assert event["user-variables"]["id"] == number


async def test_what_is_refused(api: Api, sink: Sink) -> None:
    def message(**more: object) -> AnymailMessage:
        return AnymailMessage(
            **{"subject": "x", "body": "y", "from_email": f"ann@{DOMAIN}", "to": ["b@example.net"]} | more
        )

    with pytest.raises(AnymailAPIError, match="Forbidden"):
        await using(lambda: sent(message(), api, key="wrong"))
    with pytest.raises(AnymailAPIError, match=r"Domain not found: unknown\.example"):
        await using(lambda: sent(message(esp_extra={"sender_domain": "unknown.example"}), api))
    with pytest.raises(AnymailAPIError, match="from parameter is not a valid address"):
        await using(lambda: sent(message(esp_extra={"from": "nonsense"}), api))
    assert not sink.messages
