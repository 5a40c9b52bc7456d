"""One recipient's copy: links that tell us, a pixel, footers, unsubscribe links (behaviour.md 4.2 to 4.4).

Equal input gives equal bytes: a retry must be the same message.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from postwright.mail.mime import edit_texts, insert_headers, map_headers, parse_head

from . import html, text
from .plan import Plan
from .tokens import Click, Tokens, Unsubscribe, Who, domain_octets, pack_id

MAX_URL = 4096  # characters of a target; a longer one is left as it is
EVERYTHING = "*"
_VARIABLE = re.compile(r"%(?:(tag_|mailing_list_)?unsubscribe_url|unsubscribe_email)%")
_WEB = re.compile(r"https?://([^/?#\s]+)", re.IGNORECASE)
_CLEAR_SIGNED = "-----BEGIN PGP "


def host_of(base: str) -> str:
    """The host of links that begin with `base`, as tokens are bound to it: without port, lower case."""
    try:
        return (urlsplit(base).hostname or "").lower()
    except ValueError:
        return ""


class Copy:
    """Makes the copy of one message for one recipient."""

    def __init__(
        self,
        tokens: Tokens,
        plan: Plan,
        *,
        domain: str,
        domain_id: str,
        message_id: str,
        recipient: str,
        tags: list[str],
    ) -> None:
        self._tokens = tokens
        self._plan = plan
        self._host = host_of(plan.base)
        self._site = plan.base.partition("://")[2].partition("/")[0].lower()
        self._domain = domain
        self._message_id = message_id
        self._recipient = recipient
        self._tags = tags
        self._who = (domain_octets(domain_id), pack_id(message_id, domain), recipient)
        self._has_pixel = False

    def apply(self, raw: bytes) -> bytes:
        """The whole message as this recipient gets it."""
        plan = self._plan
        self._has_pixel = False
        if plan.variables:
            raw = map_headers(raw, self._filled)
        if plan.unsubscribes:
            raw = self._with_list_headers(raw)
        if plan.opens or plan.clicks != "no" or plan.variables or plan.html_footer or plan.text_footer:
            raw = edit_texts(raw, self._changed)
        return raw

    def _with_list_headers(self, raw: bytes) -> bytes:
        if any(name.lower() == "list-unsubscribe" for name, _ in parse_head(raw)):
            return raw
        if self._plan.mailing_list:  # its mail address would unsubscribe from all mail of the domain
            where = f"<{self.unsubscribe_url([], self._plan.mailing_list)}>"
        else:
            where = f"<{self.unsubscribe_url()}>, <mailto:{self.unsubscribe_email()}>"
        post = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")  # RFC 8058 §3.1
        return insert_headers(raw, (post, ("List-Unsubscribe", where)))

    def _changed(self, subtype: str, content: str) -> str:
        if _CLEAR_SIGNED in content:
            return content
        plan = self._plan
        filled = self._filled(content) if plan.variables else content
        if subtype == "plain":
            if plan.clicks == "yes":
                filled = text.rewrite(filled, self._link)
            return filled + self._filled(plan.text_footer)
        if subtype == "html":
            return self._page(filled)
        if subtype == "x-amp-html" and plan.clicks != "no" and plan.base.startswith("https://"):
            return html.rewrite(filled, self._link).text  # AMP lets links lead to https only
        return filled

    def _page(self, source: str) -> str:
        plan = self._plan
        link: Callable[[str], str | None] = self._link if plan.clicks != "no" else _leave
        pixel = "" if self._has_pixel or not plan.opens else self.pixel()
        self._has_pixel = True
        if not pixel and not plan.html_footer and plan.clicks == "no":
            return source
        page = html.rewrite(source, link)
        footer = self._filled(plan.html_footer)
        top, bottom = (pixel, footer) if plan.at_top else ("", footer + pixel)
        return "".join(
            (page.text[: page.top], top, page.text[page.top : page.bottom], bottom, page.text[page.bottom :])
        )

    def _filled(self, content: str) -> str:
        return _VARIABLE.sub(self._variable, content) if "unsubscribe_" in content else content

    def _variable(self, found: re.Match[str]) -> str:
        if found[0] == "%unsubscribe_email%":
            return self.unsubscribe_email()
        if found[1] == "tag_":
            return self.unsubscribe_url(self._tags or [EVERYTHING])
        if found[1] == "mailing_list_":
            # Outside of a list there is nothing to unsubscribe from by this name.
            return self.unsubscribe_url([], self._plan.mailing_list) if self._plan.mailing_list else found[0]
        return self.unsubscribe_url()

    def _link(self, url: str) -> str | None:
        web = _WEB.match(url)
        if web is None or len(url) > MAX_URL or web[1].lower() == self._site:
            return None
        token = self._tokens.seal("c", self._host, Click(*self._who, url))
        return f"{self._plan.base}/c/{token}"

    def pixel(self) -> str:
        """The tag of the tracking pixel, exactly as behaviour.md 4.4 has it."""
        token = self._tokens.seal("o", self._host, Who(*self._who))
        return f'<img width="1px" height="1px" alt="" src="{self._plan.base}/o/{token}">'

    def unsubscribe_url(self, tags: list[str] | None = None, mailing_list: str = "") -> str:
        """The link that unsubscribes: from everything unless told from what."""
        made = Unsubscribe(*self._who, [EVERYTHING] if tags is None else tags, mailing_list)
        return f"{self._plan.base}/u/{self._tokens.seal('u', self._host, made)}"

    def unsubscribe_email(self) -> str:
        """The address that unsubscribes."""
        return self._tokens.mail_address(self._domain, self._message_id, self._recipient)


def _leave(url: str) -> None:
    """Change no link."""
