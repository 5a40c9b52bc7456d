"""The addresses a domain's mail leaves from."""

import pytest

from tests.world import World

BOTH = ["192.0.2.10", "2001:db8::10"]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"source_ips": f"{BOTH[0]}=out.example.com,{BOTH[1]}"}


async def test_all_unless_chosen(api: World) -> None:
    assert await api.ok("GET", "/v3/domains/{d}/ips") == {"items": BOTH, "total_count": 2}
    await api.ok("POST", "/v4/domains", data={"name": "few.test", "ips": f" {BOTH[1]} ,{BOTH[1]}"})
    path = "/v3/domains/few.test/ips"
    assert await api.ok("GET", path) == {"items": BOTH[1:], "total_count": 1}
    for _ in range(2):  # again is no error
        assert await api.ok("POST", path, data={"ip": BOTH[0]}) == {"message": "success"}
        assert await api.ok("GET", path) == {"items": BOTH[::-1], "total_count": 2}
    assert await api.ok("GET", "/v3/domains/{d}/ips") == {"items": BOTH, "total_count": 2}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"ip": "192.0.2.99"}, "IP 192.0.2.99 does not belong to this account"),
        ({"ip": ",".join(BOTH)}, "IP 192.0.2.10,2001:db8::10 does not belong to this account"),
        ({"ip": ""}, "ip parameter is missing"),
        ({}, "ip parameter is missing"),
        ({"pool_id": "62bb"}, "IP pool 62bb not found"),
    ],
)
async def test_refused(api: World, fields: dict[str, str], text: str) -> None:
    answer = await api.call("POST", "/v3/domains/{d}/ips", data=fields)
    assert (answer.status_code, answer.json()) == (400, {"message": text})
    assert (await api.ok("GET", "/v3/domains/{d}/ips"))["items"] == BOTH


async def test_of_a_stranger(api: World) -> None:
    answer = await api.call("POST", "/v3/domains/two.example.org/ips", data={"ip": BOTH[0]})
    assert (answer.status_code, answer.json()) == (404, {"message": "Domain not found"})
