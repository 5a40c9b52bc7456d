"""What events count for."""

from typing import Any

import msgspec
import pytest

from postwright.events import Entry
from postwright.ips.projector import HOUR, ReputationProjection
from postwright.ips.records import Figures
from postwright.ips.store import reputations
from tests.world import World


def entry(name: str, severity: str = "", ip: str = "192.0.2.10", **data: Any) -> Entry:
    told = {"envelope": {"sending-ip": ip} if ip else {}, **data}
    return Entry(
        seq=1,
        at=5 * HOUR + 7,
        name=name,
        severity=severity,
        account_id="a",
        domain_id="d",
        data=msgspec.json.encode(told),
    )


@pytest.mark.parametrize(
    ("event", "domain", "address"),
    [
        (entry("delivered"), Figures(processed=1), Figures(processed=1)),
        (entry("failed", "permanent", reason="bounce"), *[Figures(processed=1, bounced=1)] * 2),
        (entry("failed", "permanent", reason="espblock"), *[Figures(processed=1, blocked=1)] * 2),
        (entry("failed", "temporary", reason="espblock"), *[Figures(blocked=1)] * 2),
        (entry("failed", "temporary", reason="generic"), Figures(), Figures()),
        (entry("failed", "permanent", reason="suppress-bounce"), Figures(), Figures()),
        (entry("complained"), *[Figures(complained=1)] * 2),
        (entry("delivered", flags={"is-test-mode": True}), Figures(), Figures()),
        (entry("opened"), Figures(), Figures()),
        # A bounce that comes later names no address, and its message counted when it was delivered.
        (
            entry("failed", "permanent", ip="", reason="bounce", flags={"is-delayed-bounce": True}),
            Figures(bounced=1),
            Figures(),
        ),
    ],
)
async def test_an_event_counts(api: World, event: Entry, domain: Figures, address: Figures) -> None:
    await api.db.write(ReputationProjection().apply, [event, event])
    for scope, figures in (("domain:d", domain), ("ip:192.0.2.10", address)):
        found = await api.db.read(reputations.total, scope, 5 * HOUR, 6 * HOUR)
        assert found == figures.plus(figures)
