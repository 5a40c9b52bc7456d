"""One frozen set of settings, read once at start and passed down.

They come from a file (`postwright.toml`), the environment (`POSTWRIGHT_*`) and flags, in rising order. A name
nobody knows is refused with a suggestion: a misspelt setting that is silently ignored costs somebody a night.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import msgspec

PREFIX = "POSTWRIGHT_"
_FLAGS = {
    "yes": "yes",
    "true": "yes",
    "1": "yes",
    "on": "yes",
    "no": "no",
    "false": "no",
    "0": "no",
    "off": "no",
}


class SettingsError(ValueError):
    """A setting is unknown or has an unusable value; the text says which and what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, as text from outside, with its default. Names are those of the environment variables."""

    data: str = "./data"  # folder of everything the embedded stores keep
    database: str = "sqlite"  # "sqlite" in the data folder, or postgresql://…
    bodies: str = ""  # folder or s3://bucket/prefix of large message bodies; default: <data>/bodies
    key_file: str = ""  # encryption key of stored secrets; default: <data>/secret.key
    roles: str = "api,tracking,submission,mx,delivery,projector"  # what runs here
    http: str = ""  # listen addresses, host:port with commas
    https: str = ""  # listen addresses of the same with TLS; default: none
    # Networks with commas: proxies before us, whose X-Forwarded-For, -Proto and -Host are believed; default: none
    trusted_proxies: str = ""
    # The ACME directory (RFC 8555) that certificates come from, such as
    # https://acme-v02.api.letsencrypt.org/directory; default: no certificates. Setting it agrees to its terms.
    acme_directory: str = ""
    acme_email: str = ""  # whom the authority may write to
    acme_ca: str = (
        ""  # PEM file: who signed the directory's own certificate; default: the well-known authorities
    )
    acme_eab_kid: str = (
        ""  # an account's id and key (base64url) at authorities that ask for them (RFC 8555 §7.3.4)
    )
    acme_eab_key: str = ""  # the key to it
    submission: str = ""  # listen addresses of SMTP submission
    submission_tls: str = ""  # submission with TLS from the first byte
    tls_cert: str = ""  # PEM file with the chain, of all SMTP listeners; default: one of our own making
    tls_key: str = ""  # PEM file; default: in the file of the certificate
    mx: str = ""  # listen addresses of SMTP for received mail
    public_url: str = ""  # how links in answers begin; default: from the request
    tracking_url: str = (
        ""  # how tracking links begin without a verified tracking host; default: the public URL
    )
    delivery: str = "capture"  # capture · live · smarthost:HOST:PORT
    dns: str = ""  # resolver host:port; default: the system's
    # Which addresses of MX hosts are tried: ipv4-first · ipv6-first · ipv4 · ipv6
    address_family: str = "ipv4-first"
    # DANE (RFC 7672) needs a resolver that validates DNSSEC and cannot be spoofed: one on this machine, or that of
    # the setting `dns`. on · off
    dane: str = "on"
    tls_reports: str = "on"  # daily reports about TLS to domains that ask for them (RFC 8460): on · off
    hostname: str = ""  # our name in banners and EHLO; default: the machine's
    api_key: str = ""  # first start: the admin key to create
    domain: str = ""  # first start: an extra domain to create active
    owner_email: str = "owner@localhost"  # first start: whose account it is
    platform_dkim: str = (
        ""  # domain/selector of a second signature on all mail; default: none, it doubles the cost
    )
    # DNS zone with the keys of automatic sender security, where customers' CNAME records lead: its records are ours,
    # the operator publishes them. Default: dkim.<hostname>
    dkim_zone: str = ""
    platform_dkim_key: str = ""  # PEM file; default: <data>/dkim-<domain>.pem, made when it is not there
    failure_rules: str = ""  # TOML file of rules on replies that come before ours (failures/rules.toml)
    source_ips: str = ""  # address[=ehlo-name][;shared|;free][;band=name] with commas
    warmup_plan: str = (
        ""  # messages a day with commas, for addresses that are warmed up; default: ours, 28 days
    )
    # DNS zones of blocklists with commas, which are asked about source addresses (zen.spamhaus.org) and about domains
    # (dbl.spamhaus.org). Default: none; each has terms of its use.
    blocklists: str = ""
    domain_blocklists: str = ""  # the zones about domains, see `blocklists`
    blocklist_dns: str = ""  # resolver host:port for these; default: that of `dns`
    address_check_seconds: int = 3600  # between looks at the PTR record, EHLO name and lists of an address
    account_ips: int = 10  # dedicated addresses that an account may ask for (POST /v3/ips/request/new)
    shaping: str = ""  # a TOML file over the built-in table of limits (delivery/shaping/shaping.toml)
    retry_schedule: str = "600,900,1800,3600,7200,14400"  # behaviour.md 5.1
    webhook_retry_schedule: str = "300,600,900,3600,7200,14400"  # behaviour.md 9.2
    route_retry_schedule: str = "600,900,1800,3600,7200,14400"  # behaviour.md 10.3
    # About 8 hours in all, each wait twice the one before (behaviour.md 16).
    alert_retry_schedule: str = "60,120,240,480,960,1920,3840,7680,15360"
    alerts_from: str = ""  # sender of alerts by e-mail; default: alerts@<hostname>
    slack_url: str = "https://slack.com/api/"  # where Slack's API is, or what stands in for it
    allow_private_targets: str = ""  # yes · no · loopback; default: loopback in capture mode, else no
    verify_domains: str = ""  # dns · trust; default: trust in capture mode
    rate_limits: str = ""  # on · off; default: off in capture mode
    # Recipients that each domain of a new subaccount may have in an hour, until its parent says otherwise; 0: no limit
    subaccount_hourly: int = 0
    geoip: str = ""  # a MaxMind city or country file (.mmdb), for opens and clicks; default: countries only
    failpoints: str = ""  # tests only, see kernel/failpoints.py
    http_processes: int = 1  # processes that serve HTTP
    delivery_processes: int = 1  # processes that deliver
    event_retention_days: int = 30  # of events, and of the delivery journal
    analytics: str = ""  # folder or s3://bucket/prefix of the event table; default: <data>/analytics
    analytics_seal_seconds: float = 60.0  # so long events lie in the state store alone
    analytics_retention_days: int = 365  # of events in figures and logs
    audit_retention_days: int = 365  # of the record of who changed what
    metrics: str = "loopback"  # who may read /metrics without a key: loopback · open · networks with commas
    rspamd: str = ""  # URL of an rspamd that scores received mail, such as http://127.0.0.1:11333
    log_level: str = "info"  # debug · info · warning · error
    otel: str = ""  # URL of an OTLP/HTTP receiver of traces, such as http://127.0.0.1:4318; default: no

    @property
    def capture(self) -> bool:
        """Nothing leaves the machine: mail goes to the built-in inbox."""
        return self.delivery == "capture"

    @property
    def smarthost(self) -> tuple[str, int] | None:
        """The one host all mail goes to, when `delivery` names one."""
        if not self.delivery.startswith("smarthost:"):
            return None
        return host_port(self.delivery.removeprefix("smarthost:"), "POSTWRIGHT_DELIVERY")

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data).resolve()

    @property
    def bodies_location(self) -> str:
        """Where large bodies are: an absolute folder, or an s3:// URL."""
        return _location(self.bodies, self.data_dir / "bodies")

    @property
    def analytics_location(self) -> str:
        """Where the event table is: an absolute folder, or an s3:// URL."""
        return _location(self.analytics, self.data_dir / "analytics")

    @property
    def key_path(self) -> Path:
        """The file with the encryption key."""
        return Path(self.key_file).resolve() if self.key_file else self.data_dir / "secret.key"

    def listen(self, name: str) -> list[tuple[str, int]]:
        """The addresses to listen on for `name` (http, https, submission, submission_tls, mx); `none` for nowhere."""
        text: str = getattr(self, name)
        if text == "none":
            return []
        if not text:
            if name == "submission_tls" and self.submission:
                return []  # who chose the addresses chose all of them
            text = _LISTEN_LIVE[name] if self.delivery == "live" else _LISTEN_LOCAL[name]
        return [host_port(part, PREFIX + name.upper()) for part in _split(text)]

    @property
    def local_url(self) -> str:
        """How links begin where no request tells."""
        host, port = self.listen("http")[0]
        return self.public_url or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104

    def schedule(self, name: str) -> tuple[int, ...]:
        """A retry schedule (`retry`, `webhook_retry`, `route_retry`, `alert_retry`): seconds after each failure."""
        text: str = getattr(self, f"{name}_schedule")
        try:
            waits = tuple(int(part) for part in _split(text))
        except ValueError:
            waits = (-1,)
        if any(not 0 <= wait <= 30 * 86400 for wait in waits):
            raise SettingsError(f"{PREFIX}{name.upper()}_SCHEDULE={text}: whole seconds with commas expected")
        return waits

    def zones(self, name: str) -> list[str]:
        """The DNS zones of `blocklists` or `domain_blocklists`. Raises SettingsError."""
        zones = [part.strip(".").lower() for part in _split(getattr(self, name))]
        for zone in zones:
            if (
                not all(0 < len(label) < 64 and label.isascii() for label in zone.split("."))
                or len(zone) > 120
            ):
                raise SettingsError(f"{PREFIX}{name.upper()}: {zone!r} is not a DNS zone")
        return list(dict.fromkeys(zones))

    @property
    def private_targets(self) -> str:
        """`no`, `loopback` or `yes`: which non-public addresses we may connect to for a user."""
        return self.allow_private_targets or ("loopback" if self.capture else "no")

    @property
    def trust_domains(self) -> bool:
        """A new domain may send at once, without DNS records."""
        return (self.verify_domains or ("trust" if self.capture else "dns")) == "trust"

    @property
    def limits_on(self) -> bool:
        """Whether request rates are limited."""
        return (self.rate_limits or ("off" if self.capture else "on")) == "on"

    def metrics_readers(self) -> list[IPv4Network | IPv6Network] | None:
        """The networks that may read /metrics without a key; None: everybody."""
        if self.metrics == "open":
            return None
        texts = ["127.0.0.0/8", "::1"] if self.metrics == "loopback" else _split(self.metrics)
        try:
            return [ip_network(text) for text in texts]
        except ValueError as wrong:
            raise SettingsError(f"{PREFIX}METRICS: {wrong}; loopback, open or networks expected") from wrong

    def proxies(self) -> list[str]:
        """The networks of proxies that are believed."""
        texts = _split(self.trusted_proxies)
        try:
            return [str(ip_network(text)) for text in texts]
        except ValueError as wrong:
            raise SettingsError(f"{PREFIX}TRUSTED_PROXIES: {wrong}; networks with commas expected") from wrong

    def sources(self) -> list[tuple[str, str]]:
        """The declared source addresses with their EHLO names ("" when none was given)."""
        pairs = (part.partition(";")[0].partition("=") for part in _split(self.source_ips))
        return [(address.strip(), name.strip()) for address, _, name in pairs]

    def source_marks(self) -> list[dict[str, str]]:
        """What else stands behind each source address: `shared`, `free`, `band`. Raises SettingsError."""
        marks = []
        for part in _split(self.source_ips):
            pairs = (mark.strip().partition("=") for mark in part.split(";")[1:])
            given = {name.strip(): value.strip() for name, _, value in pairs}
            if unknown := given.keys() - {"shared", "free", "band"}:
                raise SettingsError(
                    f"{PREFIX}SOURCE_IPS: {unknown.pop()!r} is unknown; shared, free, band=name expected"
                )
            marks.append(given)
        return marks


_LISTEN_LOCAL = {
    "http": "127.0.0.1:8025",
    "https": "",
    "submission": "127.0.0.1:2587",
    "submission_tls": "",
    "mx": "127.0.0.1:2525",
}
# RFC 6409 §3.1 and RFC 8314 §3.3; 2525 for networks that block the others (behaviour.md 3.2).
_LISTEN_LIVE = {
    "http": "0.0.0.0:8025",
    "https": "",
    "submission": "0.0.0.0:587,0.0.0.0:2525",
    "submission_tls": "0.0.0.0:465",
    "mx": "0.0.0.0:25",
}
_NAMES = tuple(field.name for field in msgspec.structs.fields(Settings))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _location(text: str, default: Path) -> str:
    if text.startswith("s3://"):
        return text.rstrip("/")
    return str(Path(text).resolve() if text else default)


def host_port(text: str, setting: str) -> tuple[str, int]:
    """`host:port` (IPv6 in brackets) as a pair. Raises SettingsError naming `setting`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"{setting}: {text!r} is not host:port")
    return host.strip("[]"), int(port)


def load(
    environ: Mapping[str, str], flags: Mapping[str, str] | None = None, file: Path | None = None
) -> Settings:
    """Read file, environment and flags. Raises SettingsError for anything unknown or unusable."""
    path = file or Path("postwright.toml")
    values: dict[str, Any] = {}
    if file or path.exists():
        values |= _from_file(path)
    values |= {
        key.removeprefix(PREFIX).lower(): value for key, value in environ.items() if key.startswith(PREFIX)
    }
    values |= {key: value for key, value in (flags or {}).items() if value}
    for name in values:
        if name not in _NAMES:
            close = difflib.get_close_matches(name, _NAMES, 1)
            hint = f"; did you mean {PREFIX}{close[0].upper()}?" if close else ""
            raise SettingsError(f"unknown setting {PREFIX}{name.upper()}{hint}")
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as wrong:
        raise SettingsError(str(wrong)) from wrong
    return checked(settings)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as wrong:
        raise SettingsError(f"{path}: {wrong}") from wrong


def checked(settings: Settings) -> Settings:
    """The same, with words in the form that is compared. Raises SettingsError for what is unusable."""
    for name, known in (
        ("allow_private_targets", ("yes", "no", "loopback")),
        ("verify_domains", ("dns", "trust")),
        ("rate_limits", ("on", "off")),
        ("dane", ("on", "off")),
        ("tls_reports", ("on", "off")),
        ("address_family", ("ipv4-first", "ipv6-first", "ipv4", "ipv6")),
    ):
        value: str = getattr(settings, name).lower()
        if name == "allow_private_targets":
            value = _FLAGS.get(value, value)
        if value and value not in known:
            raise SettingsError(f"{PREFIX}{name.upper()}={value}: one of {', '.join(known)} expected")
        settings = msgspec.structs.replace(settings, **{name: value})
    if settings.delivery not in ("capture", "live") and not settings.smarthost:
        raise SettingsError(
            f"{PREFIX}DELIVERY={settings.delivery}: capture, live or smarthost:HOST:PORT expected"
        )
    for name in ("http", "https", "submission", "submission_tls", "mx"):
        settings.listen(name)
    settings.proxies()
    for name in ("bodies", "analytics"):
        where: str = getattr(settings, name)
        if "://" in where and not re.match(r"s3://[a-z0-9][a-z0-9.-]+(/|$)", where):
            raise SettingsError(f"{PREFIX}{name.upper()}={where}: a folder or s3://bucket/prefix expected")
    if settings.acme_directory and not settings.acme_directory.startswith("https://"):
        raise SettingsError(f"{PREFIX}ACME_DIRECTORY={settings.acme_directory}: an https:// URL expected")
    if bool(settings.acme_eab_kid) != bool(settings.acme_eab_key):
        raise SettingsError(f"{PREFIX}ACME_EAB_KID and {PREFIX}ACME_EAB_KEY belong together")
    for name in ("retry", "webhook_retry", "route_retry", "alert_retry"):
        settings.schedule(name)
    settings.metrics_readers()
    if not 0 <= settings.subaccount_hourly <= 10**9:
        raise SettingsError(f"{PREFIX}SUBACCOUNT_HOURLY={settings.subaccount_hourly}: 0 or a number expected")
    domain, _, selector = settings.platform_dkim.partition("/")
    if settings.platform_dkim and not (domain and selector):
        raise SettingsError(f"{PREFIX}PLATFORM_DKIM={settings.platform_dkim}: domain/selector expected")
    if settings.tls_key and not settings.tls_cert:
        raise SettingsError(f"{PREFIX}TLS_KEY without {PREFIX}TLS_CERT")
    if not settings.slack_url.startswith(("http://", "https://")):
        raise SettingsError(f"{PREFIX}SLACK_URL={settings.slack_url}: an http:// or https:// URL expected")
    for name in ("rspamd", "otel"):
        url: str = getattr(settings, name)
        if url and not url.startswith(("http://", "https://")):
            raise SettingsError(f"{PREFIX}{name.upper()}={url}: an http:// or https:// URL expected")
    for name in ("dns", "blocklist_dns"):
        if getattr(settings, name):
            host_port(getattr(settings, name), PREFIX + name.upper())
    for name in ("blocklists", "domain_blocklists"):
        settings.zones(name)
    if settings.address_check_seconds < 1:
        raise SettingsError(
            f"{PREFIX}ADDRESS_CHECK_SECONDS={settings.address_check_seconds}: at least 1 expected"
        )
    settings.source_marks()
    if not all(part.isdecimal() and int(part) > 0 for part in _split(settings.warmup_plan)):
        raise SettingsError(f"{PREFIX}WARMUP_PLAN={settings.warmup_plan}: whole numbers with commas expected")
    for address, _ in settings.sources():
        try:
            ip_address(address)
        except ValueError as wrong:
            raise SettingsError(f"{PREFIX}SOURCE_IPS: {address} is not an IP address") from wrong
    return settings
