"""Requests and replies about DKIM keys and their rotation."""

import re
from typing import ClassVar

import msgspec

from postwright.kernel.http.paging import Limit, Links

from ..dns import Installation, key_record
from ..keys import KeyRecord
from .domains import RecordInfo

_IN_PARAMS = r"[\"']?:?{}[\"']?\s*(?:=>|:|=)\s*[\"']?([^\"',}}\s]+)"


class ListKeys(Limit, kw_only=True):
    """Which keys to list."""

    default: ClassVar[int] = 10
    most: ClassVar[int] = 100
    clamps: ClassVar[bool] = True

    page: str = ""
    signing_domain: str = ""
    selector: str = ""


class KeyPlace(msgspec.Struct, frozen=True, rename={"after": "a", "backwards": "b"}):
    """Where a page begins: behind (or, `backwards`, before) a signing domain and selector."""

    after: tuple[str, str] | None = None
    backwards: bool = False


class NewKey(msgspec.Struct, kw_only=True):
    """A key to make, or with `pem` (text or file, an RSA private key) to import."""

    signing_domain: str
    selector: str
    bits: int = 2048
    pem: str = ""


class DeleteKey(msgspec.Struct, kw_only=True):
    """A key to delete."""

    signing_domain: str = ""
    selector: str = ""
    params: str = ""
    nested_domain: str = msgspec.field(name="params[signing_domain]", default="")
    nested_selector: str = msgspec.field(name="params[selector]", default="")

    def names(self) -> tuple[str, str]:
        """Signing domain and selector; one official client wraps them in `params` (behaviour.md 19)."""
        domain = self.signing_domain or self.nested_domain or _within(self.params, "signing_domain")
        selector = self.selector or self.nested_selector or _within(self.params, "selector")
        return domain, selector


def _within(params: str, name: str) -> str:
    found = re.search(_IN_PARAMS.format(name), params[:1000])
    return found[1] if found else ""


class KeyInfo(msgspec.Struct):
    """A key and its DNS record."""

    signing_domain: str
    selector: str
    dns_record: RecordInfo


class Keys(msgspec.Struct):
    """A page of keys."""

    items: list[KeyInfo]
    paging: Links


class AuthorityKeys(msgspec.Struct):
    """All keys of a domain."""

    items: list[KeyInfo]


class KeyChanged(msgspec.Struct):
    """What was done."""

    message: str
    authority: str
    selector: str
    active: bool


class ChangeAuthority(msgspec.Struct, kw_only=True):
    """Whether the domain signs as itself."""

    own: bool = msgspec.field(name="self")


class AuthorityChanged(msgspec.Struct, kw_only=True):
    """What was done, and the records for sending as they are now."""

    message: str
    sending_dns_records: list[RecordInfo]
    changed: bool


class ChangeSelector(msgspec.Struct, kw_only=True):
    """Another selector; left out, nothing changes."""

    dkim_selector: str = ""


class ChangeRotation(msgspec.Struct, kw_only=True):
    """Whether keys change by themselves, and how often (`5d`, `120h`)."""

    rotation_enabled: bool
    rotation_interval: str = ""


class RotatingRecord(msgspec.Struct):
    """A record that the customer has."""

    name: str
    type: str
    identifier: str
    value: str
    comment: str


class RotatingDomain(msgspec.Struct, kw_only=True):
    """A domain whose keys take turns."""

    id: str
    account_id: str
    sid: str
    name: str
    state: str
    active_selector: str
    rotation_enabled: str
    rotation_interval: str
    records: list[RotatingRecord]


class Rotation(msgspec.Struct):
    """How a domain's keys change."""

    domain: RotatingDomain


class ListZone(Limit, kw_only=True):
    """Which records of the zone to list."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    page: str = ""


class ZonePlace(msgspec.Struct, frozen=True, rename={"code": "c", "selector": "s"}):
    """Where a page begins: behind this key."""

    code: str = ""
    selector: str = ""


class ZoneRecordInfo(msgspec.Struct):
    """A record to publish; `domain` is whose key it is."""

    name: str
    type: str
    ttl: int
    value: str
    domain: str


class ZonePage(msgspec.Struct):
    """Records of the zone."""

    zone: str
    items: list[ZoneRecordInfo]
    paging: Links


def key_info(installation: Installation, key: KeyRecord) -> KeyInfo:
    """A key as answers show it; `is_active` says that it signs."""
    expected = key_record(installation, key)
    shown = RecordInfo(
        record_type=expected.record_type,
        name=expected.name,
        value=expected.value,
        valid=key.check.valid,
        is_active=key.active,
        cached=list(key.check.found),
    )
    return KeyInfo(key.authority, key.selector, shown)
