"""What became of encryption is counted, shown, and told to who asks, by mail and over HTTPS (RFC 8460)."""

import asyncio
import email
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright import accounts, tlsrpt
from postwright.apps.smtp import acceptor
from postwright.delivery import results as delivery_results
from postwright.kernel.db import Db
from postwright.testing.catcher import Answer, Catcher
from postwright.testing.dns import Failure, FakeDns
from postwright.testing.sink import Sink
from postwright.tlsrpt import Collector, Outcome, Policy
from postwright.tlsrpt.report import targets
from postwright.tlsrpt.store import results

from .authority import Certificate
from .conftest import HOST, Rig, Rigs

WEB, DESK = "127.0.0.5", "127.0.0.6"  # policies and reports; the mailbox for reports
ROOT = Certificate("a root", authority=True)
OWN = Certificate("mx0.there.test")
DAY = 86400


@pytest.fixture
async def mx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sink]:
    monkeypatch.setenv("SSL_CERT_FILE", str(ROOT.pem(tmp_path)))
    good = Certificate("mx0.there.test", by=ROOT)
    async with Sink(host=HOST, tls=good.context(tmp_path)) as server:
        yield server


@pytest.fixture
async def web(tmp_path: Path, mx: Sink) -> AsyncIterator[Catcher]:
    shown = Certificate("mta-sts.there.test", "reports.there.test", by=ROOT)
    body = b"version: STSv1\nmode: enforce\nmx: *.there.test\nmax_age: 864000\n"
    answer = Answer(body=body, headers={"Content-Type": "text/plain"})
    async with Catcher(answer, host=WEB, tls=shown.context(tmp_path)) as server:
        yield server


@pytest.fixture
async def rig(rig_of: Rigs, fake_dns: FakeDns, web: Catcher) -> Rig:
    fake_dns.set("mta-sts.there.test", "A", WEB)
    fake_dns.set("reports.there.test", "A", WEB)
    fake_dns.set("_mta-sts.there.test", "TXT", "v=STSv1; id=1;")
    rig = await rig_of(sts_port=web.port)
    if await rig.api.db.read(accounts.any_account) != rig.api.one.account_id:
        # Both accounts are of the same moment; one of them is the operator's.
        rig.api.one, rig.api.two = rig.api.two, rig.api.one
    return rig


def reporter(rig: Rig) -> tlsrpt.Reporter:
    context = rig.api.context
    return tlsrpt.Reporter(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        acceptor=acceptor(context),
        hostname=context.hostname,
    )


async def listed(rig: Rig, **params: Any) -> list[dict[str, Any]]:
    answer = await rig.api.ok("GET", "/postwright/v1/tls-reports", params=params)
    return list(answer["items"])


async def a_good_and_a_bad_session(rig: Rig, mx: Sink, tmp_path: Path) -> None:
    await rig.send()
    await rig.outcomes(1)
    mx.tls = OWN.context(tmp_path)
    mx.fail("*", 421, "enough", at="MAIL", times=1)  # a new connection then
    await rig.send()
    await rig.outcomes(2)
    await rig.delivery._tls_results.flush()


async def test_sessions_are_counted_by_policy_and_outcome(rig: Rig, mx: Sink, tmp_path: Path) -> None:
    good, bad = (delivery_results._SESSIONS.labels("sts", kind) for kind in ("ok", "certificate-not-trusted"))
    before = (good.value, bad.value)
    await a_good_and_a_bad_session(rig, mx, tmp_path)
    assert (good.value, bad.value) == (before[0] + 1, before[1] + 1)
    (day,) = await listed(rig)
    assert (day["domain"], day["successful_sessions"], day["failed_sessions"]) == ("there.test", 1, 1)
    assert day["report"] == ""
    (policy,) = day["policies"]
    assert policy == {
        "policy": {
            "policy-type": "sts",
            "policy-domain": "there.test",
            "policy-string": ["version: STSv1", "mode: enforce", "mx: *.there.test", "max_age: 864000"],
            "mx-host": ["*.there.test"],
        },
        "summary": {"total-successful-session-count": 1, "total-failure-session-count": 1},
        "failure-details": [
            {
                "result-type": "certificate-not-trusted",
                "sending-mta-ip": policy["failure-details"][0]["sending-mta-ip"],
                "receiving-mx-hostname": "mx0.there.test",
                "receiving-ip": HOST,
                "failed-session-count": 1,
            }
        ],
    }


async def test_the_report_goes_out_once_by_mail_and_over_https(
    rig: Rig, mx: Sink, web: Catcher, tmp_path: Path
) -> None:
    await a_good_and_a_bad_session(rig, mx, tmp_path)
    uris = f"mailto:tls@desk.test,https://reports.there.test:{web.port}/v1/reports"
    rig.dns.set("_smtp._tls.there.test", "TXT", f"v=TLSRPTv1; rua={uris}")
    rig.mx("desk.test", DESK)
    sender = reporter(rig)
    assert await sender.run_once() == 0  # the day is not over
    rig.api.clock.advance(DAY + 4 * 3600)
    async with Sink(host=DESK, port=mx.port) as desk:
        assert await sender.run_once() == 1
        assert await reporter(rig).run_once() == 0  # another process, too
        (message,) = await desk.wait(1)
    posted = web.caught[-1]
    assert (posted.method, posted.path) == ("POST", "/v1/reports")
    assert posted.headers["content-type"] == "application/tlsrpt+gzip"

    assert message.recipients == ["tls@desk.test"]
    mail = email.message_from_bytes(message.data)
    assert (mail.get_content_type(), mail.get_param("report-type")) == ("multipart/report", "tlsrpt")
    assert (mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"]) == ("there.test", rig.api.one.domain)
    _, attached = mail.get_payload()  # type: ignore[misc]
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename().startswith(f"{rig.api.one.domain}!there.test!")
    report = json.loads(gzip.decompress(attached.get_payload(decode=True)))
    assert report == json.loads(gzip.decompress(posted.body))
    assert report["organization-name"] == rig.api.one.domain
    assert report["report-id"] in mail["Subject"].replace("\r\n", "")
    (policy,) = report["policies"]
    assert policy["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 1}
    begin, end = report["date-range"]["start-datetime"], report["date-range"]["end-datetime"]
    assert (begin[:10], begin[10:], end[10:]) == (end[:10], "T00:00:00Z", "T23:59:59Z")
    assert mail["DKIM-Signature"] is not None
    async with asyncio.timeout(10):
        assert (await listed(rig, domain="there.test", failed="yes"))[0]["report"] == "sent"


async def test_what_could_not_be_handed_over_is_tried_again_and_nothing_else(
    rig: Rig, mx: Sink, web: Catcher, tmp_path: Path
) -> None:
    await a_good_and_a_bad_session(rig, mx, tmp_path)
    uris = f"https://reports.there.test:{web.port}/a,https://reports.there.test:{web.port}/b"
    rig.dns.fail("_smtp._tls.there.test", Failure.SERVFAIL)
    rig.api.clock.advance(DAY + 4 * 3600)
    sender = reporter(rig)
    await sender.run_once()
    assert "DNS" in (await listed(rig))[-1]["problem"]
    rig.dns.heal("_smtp._tls.there.test")
    rig.dns.set("_smtp._tls.there.test", "TXT", f"v=TLSRPTv1;rua={uris}")
    web.script = lambda caught: 500 if caught.path == "/b" else 201
    web.caught.clear()
    for expected in (["/a", "/b"], ["/a", "/b", "/b"]):
        rig.api.clock.advance(3600)
        await sender.run_once()
        assert [caught.path for caught in web.caught] == expected
    web.script = 200
    rig.api.clock.advance(3600)
    await sender.run_once()
    assert (await listed(rig))[-1]["report"] == "sent"
    assert len(web.caught) == 4


async def test_who_asks_for_nothing_gets_nothing(rig: Rig, mx: Sink, web: Catcher, tmp_path: Path) -> None:
    await a_good_and_a_bad_session(rig, mx, tmp_path)
    rig.api.clock.advance(DAY + 4 * 3600)
    asked = len(web.caught)
    assert await reporter(rig).run_once() == 1
    assert (await listed(rig))[-1]["report"] == "unwanted"
    assert len(web.caught) == asked
    rig.api.clock.advance((tlsrpt.RETENTION_DAYS + 1) * DAY)
    await reporter(rig).run_once()
    assert await listed(rig) == []


async def test_a_report_arrives_although_encryption_fails(rig: Rig, mx: Sink, tmp_path: Path) -> None:
    """It tells of the failure: with the policy it would never come (RFC 8460 §3)."""
    await a_good_and_a_bad_session(rig, mx, tmp_path)
    rig.dns.set("_smtp._tls.there.test", "TXT", "v=TLSRPTv1; rua=mailto:tls@there.test")
    rig.api.clock.advance(DAY + 4 * 3600)
    before = len(mx.messages)
    await reporter(rig).run_once()
    await mx.wait(before + 1)
    assert mx.messages[-1].recipients == ["tls@there.test"]


async def test_a_policy_that_cannot_be_had_is_told(rig: Rig, web: Catcher, mx: Sink) -> None:
    web.script = 404
    await rig.send()
    await rig.outcomes(1)
    await rig.delivery._tls_results.flush()
    (day,) = await listed(rig)
    kinds = [d["result-type"] for p in day["policies"] for d in p.get("failure-details", ())]
    assert kinds == ["sts-policy-fetch-error"]
    assert [p["policy"]["policy-type"] for p in day["policies"]].count("no-policy-found") == 1


async def test_results_are_for_the_operator_and_paged(rig: Rig) -> None:
    for number in range(5):
        outcome = Outcome("validation-failure") if number % 2 else Outcome()
        rig.delivery._tls_results.count(Policy(f"d{number}.test", "no-policy-found"), outcome)
    await rig.delivery._tls_results.flush()
    refused = await rig.api.call("GET", "/postwright/v1/tls-reports", key=rig.api.two.key)
    assert refused.status_code == 403
    assert (await rig.api.call("GET", "/postwright/v1/tls-reports?page=x")).status_code == 400
    walked: list[str] = []
    path = "/postwright/v1/tls-reports?limit=2"
    while True:
        page = await rig.api.ok("GET", path)
        if not page["items"]:
            break
        walked += [item["domain"] for item in page["items"]]
        path = page["paging"]["next"].removeprefix("https://api.test")
    assert walked == [f"d{number}.test" for number in range(5)]
    assert [item["domain"] for item in await listed(rig, failed="yes")] == ["d1.test", "d3.test"]


async def test_counts_of_many_processes_add_up(db: Db, rig: Rig) -> None:
    """On both databases."""
    policy = Policy("sum.test", "tlsa", ("3 1 1 ab",))
    collectors = [Collector(db, rig.api.clock) for _ in range(3)]
    for collector in collectors:
        for _ in range(4):
            collector.count(policy, Outcome())
        collector.count(policy, Outcome("validation-failure", "mx", "192.0.2.1", "192.0.2.2"))
    await asyncio.gather(*(collector.flush() for collector in collectors))
    await collectors[0].flush()
    found = await db.read(results, rig.api.clock.now() // (DAY * 1_000_000), "sum.test", 10)
    assert [(count.outcome.failure, count.sessions) for count in found] == [
        ("", 12),
        ("validation-failure", 3),
    ]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["v=TLSRPTv1; rua=mailto:a@x.test"], ["mailto:a@x.test"]),
        (["v=TLSRPTv1;rua=https://x.test/r , mailto:a@x.test;"], ["https://x.test/r", "mailto:a@x.test"]),
        (["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@x.test"], ["mailto:a@x.test"]),
        (["v=TLSRPTv1; rua=mailto:a@x.test", "v=TLSRPTv1; rua=mailto:b@x.test"], []),
        (["v=TLSRPTv1; rua=http://x.test/r,ftp://y,mailto:not an address"], []),
        (["v=TLSRPTv1;"], []),
        ([], []),
    ],
)
def test_who_wants_reports_says_so_in_one_record(texts: list[str], found: list[str]) -> None:
    assert targets(texts) == found
