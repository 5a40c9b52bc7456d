"""What the guard of URLs refuses beside private addresses: our own public ones, and ports of other protocols."""

import ipaddress
import socket

import pytest

from postwright.kernel import outgoing
from postwright.kernel.outgoing import Outgoing, TargetRefused, is_own, judge, parse_url
from postwright.kernel.settings import Settings
from postwright.testing.catcher import Catcher


def _interface_addresses() -> list[str]:
    """What the machine itself says its addresses are."""
    found = {str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    return sorted(found | {"127.0.0.1"})


def test_own_addresses_are_known() -> None:
    for address in _interface_addresses():
        assert is_own(ipaddress.ip_address(address)), address
    for address in ("192.0.2.77", "8.8.8.8", "2001:4860:4860::8888"):
        assert not is_own(ipaddress.ip_address(address)), address


async def test_our_own_public_address_is_not_called(
    catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ipaddress.ip_address("8.8.8.8")
    monkeypatch.setattr(outgoing, "is_own", lambda address: address == own)
    async with Outgoing(Settings(allow_private_targets="no")) as client:
        for host in ("8.8.8.8", "[::ffff:8.8.8.8]"):
            with pytest.raises(TargetRefused):
                await client.check(f"http://{host}/")
            with pytest.raises(TargetRefused):
                await client.post(f"http://{host}/", b"", {})
    judge(ipaddress.ip_address("9.9.9.9"), "no")
    judge(own, "yes")  # who allows private targets allows these


@pytest.mark.parametrize("port", [22, 25, 465, 587, 993, 6667])
def test_ports_of_other_protocols(port: int) -> None:
    """A mail server would take lines of a POST's body for commands."""
    with pytest.raises(TargetRefused) as refused:
        parse_url(f"http://mail.example.com:{port}/")
    assert str(refused.value) == f"port {port} is not allowed"
    parse_url("http://mail.example.com:8025/")
