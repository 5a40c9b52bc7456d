"""Which program made a request: `client-info` of events (behaviour.md 6.2), and whether a machine made it."""

from functools import lru_cache

import msgspec
from ua_parser import parse

MAX_AGENT = 1024  # characters of a User-Agent that are kept
_KNOWN = 8192  # programs remembered: a few hundred make nearly all requests

# Mail programs and the proxies that fetch images for them.
_MAIL = frozenset(
    (
        "Thunderbird",
        "Outlook",
        "Windows Live Mail",
        "Apple Mail",
        "AppleMail",
        "Lotus Notes",
        "Postbox",
        "Airmail",
        "The Bat!",
        "Evolution",
        "eM Client",
        "Spark",
        "GmailImageProxy",
        "YahooMailProxy",
        "Superhuman",
    )
)
_LIBRARIES = (
    "curl",
    "wget",
    "python",
    "java",
    "okhttp",
    "go-http",
    "libwww",
    "httpx",
    "aiohttp",
    "axios",
    "node",
)
_FEEDS = ("feed", "rss", "newsblur", "inoreader", "netnewswire")
_SCANNERS = (
    "barracuda",
    "proofpoint",
    "mimecast",
    "symantec",
    "trendmicro",
    "messagelabs",
    "fireeye",
    "cloudmark",
    "sophos",
    "bitdefender",
    "safelinks",
    "urldefense",
    "phantomjs",
)
# Apple's privacy protection loads every image through its own proxies with nothing but this.
_APPLE = "Mozilla/5.0"
# With this browser of 2015 Gmail fetches images before anybody opens the message.
_GMAIL = "Edge/12.246"


class Client(msgspec.Struct, frozen=True):
    """The members of `client-info`; `bot` is what the User-Agent alone tells."""

    name: str
    os: str
    type: str
    device: str
    agent: str
    bot: str

    def info(self, bot: str) -> dict[str, str]:
        """As events have it."""
        return {
            "client-name": self.name,
            "client-os": self.os,
            "client-type": self.type,
            "device-type": self.device,
            "user-agent": self.agent,
            "bot": bot,
        }


@lru_cache(_KNOWN)
def client(agent: str) -> Client:
    """What a User-Agent tells."""
    agent = agent[:MAX_AGENT]
    found = parse(agent)
    name = found.user_agent.family if found.user_agent else ""
    os = found.os.family if found.os else ""
    family = found.device.family if found.device else ""
    brand = (found.device.brand or "") if found.device else ""
    lowered = agent.lower()
    kind, device = _kind(name, os, family, lowered), _device(os, family, brand, lowered)
    return Client(name or "unknown", os or "unknown", kind, device, agent, _bot(agent, lowered, kind))


def _kind(name: str, os: str, family: str, lowered: str) -> str:
    # A mail provider's image proxy fetches when a person opens; parsers take it for a spider.
    if name in _MAIL or "mailproxy" in lowered:
        return "email client"
    if family == "Spider" or any(word in lowered for word in _SCANNERS):
        return "robot"
    if any(word in lowered for word in _FEEDS):
        return "feed reader"
    if any(lowered.startswith(word) or name.lower().startswith(word) for word in _LIBRARIES):
        return "library"
    if not name:
        return "other"
    return "mobile browser" if os in ("iOS", "Android") or "mobile" in lowered else "browser"


def _device(os: str, family: str, brand: str, lowered: str) -> str:
    if family == "Spider":
        return "unknown"
    if family == "iPad" or "Tablet" in brand or (os == "Android" and "mobile" not in lowered):
        return "tablet"
    if os in ("iOS", "Android", "Windows Phone") or "mobile" in lowered:
        return "mobile"
    return "desktop" if os and os != "Other" else "unknown"


def _bot(agent: str, lowered: str, kind: str) -> str:
    if agent == _APPLE:
        return "apple"
    if _GMAIL in agent:
        return "gmail"
    return "generic" if kind == "robot" or "bot/" in lowered else ""
