"""What the doctor finds, at real counterparts; and that it says what to do."""

import asyncio
from pathlib import Path

from postwright.doctor import Doctor, Line, Status, machine
from postwright.kernel.db import Db
from postwright.testing.dns import FakeDns
from postwright.testing.ports import free_ports
from postwright.testing.sink import Sink
from tests.world import World, world

OUT = "127.0.0.5"
LIST = "bl.test"


def doctor(api: World, sink_port: int) -> Doctor:
    context = api.context
    return Doctor(
        settings=context.settings,
        db=api.db,
        clock=api.clock,
        hostname="mail.example.com",
        installation=context.installation,
        probe="probe.test",
        port=sink_port,
    )


def of(lines: list[Line], check: str) -> list[Line]:
    return [line for line in lines if line.check == check]


async def test_what_is_wrong_and_then_right(db: Db, tmp_path: Path, fake_dns: FakeDns, sink: Sink) -> None:
    settings = {
        "source_ips": f"{OUT}=out.example.com",
        "delivery": "live",
        "dns": fake_dns.address,
        "blocklists": LIST,
        "blocklist_dns": fake_dns.address,
        "domain_blocklists": "",
    }
    (nobody,) = free_ports()
    async with world(db, tmp_path, **settings) as api:
        fake_dns.set(f"5.0.0.127.{LIST}", "A", "127.0.0.2")
        lines = await doctor(api, nobody).look()
        (port,) = of(lines, "port 25")
        assert (port.status, port.text) == (Status.FAIL, "DNS finds no mail server of probe.test")
        fake_dns.set("probe.test", "MX", "10 mx.probe.test.")
        fake_dns.set("mx.probe.test", "A", "127.0.0.1")
        lines = await doctor(api, nobody).look()
        (port,) = of(lines, "port 25")
        assert port.status is Status.FAIL and "refused" in port.text and "open port 25" in port.fix
        assert [line.status for line in of(lines, "PTR")] == [Status.FAIL]
        (listed,) = of(lines, f"blocklist {LIST}")
        assert listed.status is Status.FAIL and "ask the list to remove" in listed.fix
        spf = {line.about: line for line in of(lines, "SPF")}["one.example.com"]
        assert spf.status is Status.FAIL
        assert spf.fix == f"publish TXT one.example.com with: v=spf1 ip4:{OUT} ~all"
        (processes,) = of(lines, "processes")
        assert processes.status is Status.WARN and "start `postwright serve`" in processes.fix
        assert [line.status for line in of(lines, "database")] == [Status.PASS]

        fake_dns.set("one.example.com", "TXT", f"v=spf1 ip4:{OUT} ~all")
        fake_dns.set("_dmarc.one.example.com", "TXT", "v=DMARC1; p=none")
        fake_dns.set_ptr(OUT, "out.example.com")
        fake_dns.set("out.example.com", "A", OUT)
        fake_dns.remove(f"5.0.0.127.{LIST}", "A")
        lines = await doctor(api, sink.port).look()
        for check in ("port 25", "PTR", "EHLO", f"blocklist {LIST}"):
            assert [line.status for line in of(lines, check)] == [Status.PASS], check
        for check in ("SPF", "DMARC"):
            right = {line.about: line.status for line in of(lines, check)}
            assert right["one.example.com"] is Status.PASS, check
        # It really called, from the address that mail leaves from.
        assert sink.counts.connections >= 1

        answer = await api.ok("GET", "/postwright/v1/doctor")
        assert answer["status"] == "fail" and {"check", "about", "status", "text", "fix"} <= {
            *answer["items"][0]
        }
        refused = await api.call("GET", "/postwright/v1/doctor", key=api.two.key)
        assert refused.status_code == 403


async def test_capture_asks_nobody(sqlite_db: Db, tmp_path: Path) -> None:
    async with world(sqlite_db, tmp_path) as api:
        lines = await asyncio.wait_for(doctor(api, 25).look(), 10)
        assert {line.check for line in lines} <= {"disk", "clock", "database", "processes", "versions"}


def test_certificates_and_disk(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    for days, status in ((-1, Status.FAIL), (5, Status.WARN), (60, Status.PASS)):
        assert machine.certificate("host", now + days * 86400, now).status is status
    assert machine.disk(tmp_path)[0].check == "disk"
