"""Requests for domains, checked and turned into what the service stores."""

import asyncio
from typing import Any

from postwright.kernel.outgoing import TargetRefused, parse_url
from postwright.kernel.settings import Settings

from . import service
from .credentials import hash_password
from .errors import BadDomain
from .keys import KeyPair, new_key
from .schemas import ChangeDomain, CreateDomain
from .service import Plan

_KEY_SIZES = {"": 0, "1024": 1024, "2048": 2048}


async def plan(settings: Settings, fields: CreateDomain) -> Plan:
    """What to create. Raises BadDomain, BadPassword. Makes keys, in a thread."""
    name = service.parse_name(fields.name)
    if fields.dkim_key_size not in _KEY_SIZES:
        raise BadDomain("dkim_key_size is not valid: 1024 or 2048 expected")
    if fields.dkim_host_name and (fields.force_dkim_authority or fields.force_root_dkim_host):
        raise BadDomain("dkim_host_name can't be used with force_dkim_authority or force_root_dkim_host")
    automatic = bool(fields.use_automatic_sender_security)
    values = _values(fields)
    values["encrypt_incoming"] = fields.encrypt_incoming_message
    values["state"] = "active" if settings.trust_domains else "unverified"
    selector = service.parse_selector(fields.dkim_selector) if fields.dkim_selector else ""
    bits = _KEY_SIZES[fields.dkim_key_size] or (2048 if automatic else 1024)
    password = await _hashed(fields.smtp_password)
    pairs: dict[str, KeyPair] = {}
    for chosen in service.key_selectors(selector, automatic=automatic):
        pairs[chosen] = await asyncio.to_thread(new_key, bits)
    return Plan(
        name=name,
        values=values,
        authority=_authority(fields, name),
        pairs=pairs,
        postmaster_hash=password,
    )


async def changes(fields: ChangeDomain) -> tuple[dict[str, Any], str]:
    """Columns to change, and the hash of a new postmaster password ("": none). Raises BadDomain, BadPassword."""
    return _values(fields), await _hashed(fields.smtp_password)


async def _hashed(password: str | None) -> str:
    return await asyncio.to_thread(hash_password, password) if password is not None else ""


def _authority(fields: CreateDomain, name: str) -> str:
    if fields.dkim_host_name:
        host = service.parse_name(fields.dkim_host_name)
        if host != name and not name.endswith(f".{host}"):
            # Receivers require the signing domain to be aligned with the sender's (RFC 7489 §3.1.1).
            raise BadDomain("dkim_host_name must be the domain itself or a domain above it")
        return host
    if fields.force_root_dkim_host:
        return service.root_of(name)
    return name if fields.force_dkim_authority or fields.use_automatic_sender_security else ""


def _values(fields: CreateDomain | ChangeDomain) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if fields.spam_action is not None:
        action = "block" if fields.spam_action == "delete" else fields.spam_action
        values["spam_action"] = service.parse_choice(action, service.SPAM_ACTIONS, "spam_action")
    if fields.web_scheme is not None:
        values["web_scheme"] = service.parse_choice(fields.web_scheme, service.WEB_SCHEMES, "web_scheme")
    if fields.web_prefix is not None:
        values["web_prefix"] = service.parse_label(fields.web_prefix, "web_prefix")
    for name in ("wildcard", "require_tls", "skip_verification"):
        given = getattr(fields, name)
        if given is not None:
            values[name] = given
    if fields.use_automatic_sender_security is not None:
        values["automatic_security"] = fields.use_automatic_sender_security
    if fields.webhooks_redact_pii is not None:
        values["redact_webhooks"] = fields.webhooks_redact_pii
    if fields.mailfrom_host is not None:
        values["mailfrom_host"] = service.parse_name(fields.mailfrom_host) if fields.mailfrom_host else ""
    if fields.archive_to is not None:
        values["archive_to"] = _archive(fields.archive_to)
    if fields.message_ttl is not None:
        if not 0 <= fields.message_ttl <= service.MAX_TTL:
            raise BadDomain(f"message_ttl is not valid: 0 to {service.MAX_TTL} seconds expected")
        values["message_ttl"] = fields.message_ttl
    return values


def _archive(url: str) -> str:
    if not url:
        return ""
    try:
        parse_url(url)
    except TargetRefused as refused:
        raise BadDomain("archive_to is not a valid url") from refused
    return url
