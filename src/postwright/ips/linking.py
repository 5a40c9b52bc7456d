"""Addresses of a parent account for its subaccounts, and for all domains at once."""

from collections.abc import Sequence

from postwright.accounts import SubaccountNotFound
from postwright.kernel.db import Read, Write

from . import jobs
from .addresses import allow, need, need_dedicated, parse
from .errors import BadIp
from .records import Feature
from .store import addresses, pools

AT_ONCE = 100  # subaccounts; more are done in the background (behaviour.md 15)
MAX_IPS = 100  # in a call


def check_link(tx: Read, account_id: str, ips: Sequence[str]) -> list[str]:
    """The addresses, when they may be linked to subaccounts. Raises BadIp, IpNotFound."""
    found = [need_dedicated(tx, account_id, each) for each in dict.fromkeys(ips)]
    for each in found:
        if each.pool_id:
            raise BadIp(f"IP {each.address} belongs to an IP pool and can't be linked to a subaccount")
    return [each.address for each in found]


def link(tx: Write, now: int, account_id: str, subaccount_id: str, ip: str) -> None:
    """Link one address to one subaccount. Raises BadIp, IpNotFound, SubaccountNotFound."""
    if not addresses.are_children(tx, account_id, [subaccount_id]):
        raise SubaccountNotFound
    if not ip.strip():
        raise BadIp("ip parameter is missing")
    addresses.link(tx, [subaccount_id], check_link(tx, account_id, [ip]), now)
    addresses.changed(tx)


def unlink(tx: Write, account_id: str, subaccount_id: str, ip: str) -> None:
    """Unlink one address from one subaccount. Raises BadIp, SubaccountNotFound."""
    if not addresses.are_children(tx, account_id, [subaccount_id]):
        raise SubaccountNotFound
    address = parse(ip)
    check_unlink(tx, [subaccount_id], [address])
    if not addresses.unlink(tx, [subaccount_id], [address]):
        raise BadIp(f"IP {address} is not linked to the subaccount")
    addresses.changed(tx)


def check_unlink(tx: Read, subaccounts: Sequence[str], ips: Sequence[str]) -> None:
    """Raise BadIp when an address is still in use by one of the subaccounts."""
    for each in ips:
        found = addresses.one(tx, each)
        if found is not None and found.pool_id:
            raise BadIp(f"IP {each} belongs to an IP pool and can't be unlinked")
        if pools.uses(tx, subaccounts, each):
            raise BadIp(f"IP {each} is assigned to domains of the subaccount")


def assign(
    tx: Write,
    now: int,
    account_id: str,
    subaccounts: Sequence[str],
    *,
    everybody: bool,
    link_ips: Sequence[str],
    unlink_ips: Sequence[str],
) -> bool:
    """Link and unlink addresses to many subaccounts; whether that is left to the background.

    Raises BadIp, IpNotFound, SubaccountNotFound, FeatureOff.
    """
    allow(tx, account_id, Feature.CENTRAL)
    if bool(subaccounts) == everybody:
        raise BadIp("exactly one of 'subaccount_id' and 'all_subaccounts=true' is required")
    if not link_ips and not unlink_ips:
        raise BadIp("'link_ip' or 'unlink_ip' is required")
    if len(link_ips) + len(unlink_ips) > MAX_IPS:
        raise BadIp(f"at most {MAX_IPS} IPs can be given")
    if set(link_ips) & set(unlink_ips):
        raise BadIp("an IP can't be in both 'link_ip' and 'unlink_ip'")
    chosen = sorted(set(subaccounts))
    if chosen and not addresses.are_children(tx, account_id, chosen):
        raise SubaccountNotFound
    linked = check_link(tx, account_id, link_ips)
    unlinked = [need(tx, account_id, each).address for each in dict.fromkeys(unlink_ips)]
    if everybody or len(chosen) > AT_ONCE:
        jobs.add(tx, now, account_id, "assign", to=chosen, link=linked, unlink=unlinked)
        return True
    check_unlink(tx, chosen, unlinked)
    addresses.link(tx, chosen, linked, now)
    addresses.unlink(tx, chosen, unlinked)
    addresses.changed(tx)
    return False


def on_all_domains(tx: Write, now: int, account_id: str, ip: str) -> str:
    """Let all domains of the account send from an address; the name of the work. Raises IpNotFound, BadIp."""
    found = need(tx, account_id, ip)
    if found.pool_id:
        raise BadIp(f"IP {found.address} belongs to an IP pool")
    return jobs.add(tx, now, account_id, "add", ips=[found.address])


def off_all_domains(tx: Write, now: int, account_id: str, ip: str, alternative: str) -> str:
    """Let no domain of the account send from an address; the name of the work. Raises IpNotFound, BadIp."""
    found = need(tx, account_id, ip)
    other = need(tx, account_id, alternative).address if alternative else ""
    if other == found.address:
        raise BadIp("the alternative must be another IP")
    return jobs.add(tx, now, account_id, "remove", ips=[found.address], other=[other] if other else [])
