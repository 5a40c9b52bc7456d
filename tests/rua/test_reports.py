"""Aggregate reports that come by mail: through the door into the API, and what hostile ones do."""

import base64
import contextlib
import gzip
import io
import json
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.kernel.db import Db
from postwright.mail import dmarc_report, tls_report
from postwright.mail.archives import MAX_PLAIN, ArchiveError, unpack
from postwright.rua.service import concerns
from tests.inbound.conftest import Mx, opened

XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
 <report_metadata><org_name>receiver.test</org_name><email>dmarc@receiver.test</email>
  <report_id>r-1</report_id><date_range><begin>1700000000</begin><end>1700086399</end></date_range></report_metadata>
 <policy_published><domain>one.example.com</domain><adkim>r</adkim><p>reject</p><sp>none</sp><pct>50</pct></policy_published>
 <record><row><source_ip>192.0.2.7</source_ip><count>3</count>
   <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>one.example.com</header_from></identifiers>
  <auth_results><dkim><domain>one.example.com</domain><selector>s1</selector><result>pass</result></dkim>
   <spf><domain>x.test</domain><result>fail</result></spf></auth_results></record>
 <record><row><source_ip>2001:db8::1</source_ip><count>2</count>
   <policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>one.example.com</header_from></identifiers></record>
</feedback>"""
TLS = {
    "organization-name": "Receiver",
    "date-range": {"start-datetime": "2026-11-01T00:00:00Z", "end-datetime": "2026-11-01T23:59:59Z"},
    "contact-info": "tls@receiver.test",
    "report-id": "t-1",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-domain": "one.example.com"},
            "summary": {"total-successful-session-count": 10, "total-failure-session-count": 1},
            "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 1}],
        }
    ],
}


def zipped(data: bytes, name: str = "report.xml") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def mail(data: bytes, kind: str = "application/gzip") -> bytes:
    body = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return (
        b"From: reports@receiver.test\r\nSubject: Report domain: one.example.com\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n"
        b"--b\r\nContent-Type: "
        + kind.encode()
        + b"; name=report\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + body
        + b"--b--\r\n"
    )


@pytest.fixture
async def mx(db: Db, tmp_path: Path) -> AsyncIterator[Mx]:
    async with opened(db, tmp_path, delivery="capture") as door:
        yield door


async def test_a_dmarc_report_is_kept_once_and_shown(mx: Mx) -> None:
    for data in (gzip.compress(XML), zipped(XML), XML):
        assert (await mx.send(mail(data), to="dmarc-reports@one.example.com"))[0] == 250
    await mx.work()
    page = await mx.api.ok("GET", "/postwright/v1/{d}/dmarc-reports")
    assert page["total_count"] == 1
    (item,) = page["items"]
    assert (item["messages"], item["passed"]) == (5, 3)
    report = item["report"]
    assert (report["organisation"], report["report_id"], report["begin"]) == (
        "receiver.test",
        "r-1",
        1700000000,
    )
    assert (report["policy"], report["subdomain_policy"], report["percent"]) == ("reject", "none", 50)
    assert report["records"][0]["dkim_results"] == [
        {"domain": "one.example.com", "result": "pass", "selector": "s1"}
    ]
    stranger = await mx.api.call("GET", "/postwright/v1/{d}/dmarc-reports", key=mx.api.two.key)
    assert stranger.status_code == 404


async def test_a_tls_report_is_kept_and_shown(mx: Mx) -> None:
    data = gzip.compress(json.dumps(TLS).encode())
    assert (await mx.send(mail(data, "application/tlsrpt+gzip"), to="tls-reports@one.example.com"))[0] == 250
    await mx.work()
    page = await mx.api.ok("GET", "/postwright/v1/{d}/tls-reports/received")
    (item,) = page["items"]
    assert (item["succeeded"], item["failed"]) == (10, 1)
    assert item["report"]["policies"][0]["failures"][0]["result"] == "certificate-expired"
    assert item["report"]["end"] - item["report"]["begin"] == 86399


async def test_pages_come_newest_first(mx: Mx) -> None:
    for number in range(3):
        data = XML.replace(b"r-1", b"r-%d" % number).replace(b"1700086399", b"%d" % (1700086399 + number))
        await mx.send(mail(data), to="dmarc-reports@one.example.com")
    await mx.work()
    page = await mx.api.ok("GET", "/postwright/v1/{d}/dmarc-reports?limit=2&skip=1")
    assert [item["report"]["report_id"] for item in page["items"]] == ["r-1", "r-0"]
    assert page["total_count"] == 3


async def test_a_report_about_somebody_else_is_dropped(mx: Mx) -> None:
    for data in (
        XML.replace(b"<domain>one.example.com", b"<domain>two.example.org"),
        b"<feedback/>",
        b"",
        b"\x1f\x8b",
    ):
        await mx.send(mail(data), to="dmarc-reports@one.example.com")
    await mx.work()
    assert (await mx.api.ok("GET", "/postwright/v1/{d}/dmarc-reports"))["total_count"] == 0


def test_whom_a_report_concerns() -> None:
    assert concerns({"one.example.com"}, "one.example.com")
    assert concerns({"sub.one.example.com"}, "one.example.com")
    assert concerns({"example.com"}, "one.example.com")
    assert not concerns({"evilone.example.com", "two.example.org", ""}, "one.example.com")


def test_bombs_do_not_go_off() -> None:
    began = time.monotonic()
    bomb = gzip.compress(b"\0" * (MAX_PLAIN + 1))
    inner = zipped(b"\0" * (MAX_PLAIN + 1))
    for data in (bomb, inner):
        with pytest.raises(ArchiveError):
            unpack(data)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(50):
            archive.writestr(str(number), b"x")
    with pytest.raises(ArchiveError):
        unpack(many.getvalue())
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><feedback>&b;</feedback>',
        b'<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback>&x;</feedback>',
        b'<!DOCTYPE f SYSTEM "http://127.0.0.1/x.dtd"><feedback/>',
        b"<a>" * 100_000,
        b"<feedback>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</feedback>",
        b"<feedback>" + b"<record/>" * 10_001 + b"</feedback>",
        b"\xff\xfe<feedback/>",
        b'<?xml version="1.0" encoding="nonsense"?><feedback/>',
    ],
)
def test_hostile_xml_is_refused(xml: bytes) -> None:
    with pytest.raises(dmarc_report.ReportError):
        dmarc_report.parse(xml)


_tags = st.sampled_from(
    b"feedback report_metadata policy_published record row count domain p pct auth_results dkim begin".split()
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(_tags, st.sampled_from([b"<%s>", b"</%s>", b"<%s/>", b"%s", b"<%s>9</%s>"])), max_size=30
    )
)
def test_any_xml_is_read_or_refused(pieces: list[tuple[bytes, bytes]]) -> None:
    xml = b"<feedback>" + b"".join(form.replace(b"%s", tag) for tag, form in pieces) + b"</feedback>"
    with contextlib.suppress(dmarc_report.ReportError):
        assert dmarc_report.parse(xml).domain


_NAMES = [
    "policies",
    "policy",
    "summary",
    "report-id",
    "date-range",
    "start-datetime",
    "policy-domain",
    "failure-details",
    "total-failure-session-count",
    "failed-session-count",
]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_json)
def test_any_json_is_read_or_refused(value: object) -> None:
    with contextlib.suppress(tls_report.ReportError):
        assert tls_report.parse(json.dumps(value).encode()).report_id


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"PK\x03\x04", zipped(b"x"), gzip.compress(b"x")]
    ),
)
def test_any_archive_is_unpacked_or_refused(data: bytes, start: bytes) -> None:
    with contextlib.suppress(ArchiveError):
        assert len(unpack(start + data)) <= MAX_PLAIN
