"""Bodies of calls made of anything at all, read again by code that is not ours."""

import json

import django
import pytest
from django.conf import settings as django_settings
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postwright.forwarding.form import Body, forwarded, notification, wants_mime
from postwright.messages import Meta

from .samples import BROKEN, FULL, HTML, PLAIN

if not django_settings.configured:
    django_settings.configure(USE_TZ=True, ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8")
django_settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None
django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
django_settings.DATA_UPLOAD_MAX_NUMBER_FILES = None
django.setup()

SIGNED = {"timestamp": "1700000000", "token": "t" * 50, "signature": "s" * 64}
META = Meta(
    id=1,
    account_id="a",
    domain_id="d",
    domain="one.example.com",
    message_id="x",
    from_="Ann <ann@there.test>",
    to="",
    subject="Sübject",
    size=1,
    recipients=[],
    method="smtp",
    accepted_at=0,
    received="",
    storage_url="http://h/v3/domains/one.example.com/messages/key",
    storage_key="key",
    return_host="",
    incoming=True,
    sender="env@there.test",
)


def read(body: Body) -> HttpRequest:
    return RequestFactory().generic("POST", "/", body.data, content_type=body.content_type)


def checked(raw: bytes) -> None:
    request = read(forwarded(META, "bob@one.example.com", raw, SIGNED, as_mime=False))
    fields = request.POST
    for name in ("recipient", "sender", "from", "subject", "body-plain", "message-headers", *SIGNED):
        assert len(fields.getlist(name)) == 1, name
    assert fields["recipient"] == "bob@one.example.com" and fields["signature"] == "s" * 64
    assert isinstance(json.loads(fields["message-headers"]), list)
    assert "event" not in fields and "attachments" not in fields
    count = int(fields.get("attachment-count", "0"))
    assert sorted(request.FILES) == sorted(f"attachment-{n}" for n in range(1, count + 1))
    assert set(json.loads(fields.get("content-id-map", "{}")).values()) <= set(request.FILES)

    fields = read(notification(META, "bob@one.example.com", raw, SIGNED)).POST
    assert len(json.loads(fields["attachments"])) == count and fields["message-url"] == META.storage_url

    fields = read(forwarded(META, "bob@one.example.com", raw, SIGNED, as_mime=True)).POST
    assert fields["body-mime"] == raw.decode("utf-8", "replace") and fields["token"] == "t" * 50


_LINES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Type: text/html",
        b"Content-Type: message/rfc822",
        b'Content-Type: x/y; name="a\\"b"',
        b"Content-Type: application/ms-tnef\x00; \xff",
        b"Content-Disposition: attachment; filename*=utf-8''%00%0d%0a%22..%2f",
        b"Content-Disposition: attachment; filename=..",
        b"Content-Transfer-Encoding: base64",
        b"Content-Id: <>",
        b'Content-Id: <\xff"\\>',
        b"recipient: x",
        b"signature: x",
        b"Subject: =?utf-8?b?4pyT?=",
        b"--b",
        b"--b--",
        b"<p>text",
        b"> quoted",
        b"-- ",
        b"",
        b"\xff\x00",
    ]
)


@given(st.one_of(st.binary(max_size=300), st.lists(_LINES, max_size=25).map(b"\r\n".join)))
@hypothesis_settings(max_examples=60, deadline=None)
@example(b'Content-Disposition: attachment; filename="a\nb"\r\n\r\n')
@example(b"Content-Type: a/b; name==?utf-8?q?=0D=0Ax:y?=\r\n\r\n")
@example(b"X\xff: y\r\n\r\n")
def test_anything_becomes_a_body(raw: bytes) -> None:
    checked(raw)


@pytest.mark.parametrize("raw", [PLAIN, FULL, HTML, *BROKEN.values()])
def test_samples(raw: bytes) -> None:
    checked(raw)


def test_which_urls_want_mime() -> None:
    for url in ("http://h/mime", "http://h/a/raw-mime", "http://h/post_mime?x=1", "http://h/mime/"):
        assert wants_mime(url), url
    for url in ("http://mime/", "http://h/?a=mime", "http://h/mimes", "http://h/"):
        assert not wants_mime(url), url
