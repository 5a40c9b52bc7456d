"""Links in plain text."""

import re
from collections.abc import Callable

# What may stand in a URL, and after it: `<`, `>` and quotes delimit (RFC 3986 appendix C).
_URL = re.compile(r"(?<![A-Za-z0-9])https?://[^\s<>\"\u201c\u201d\x00-\x1f]+", re.IGNORECASE)
MAX_URL = 4096  # characters; longer ones are left alone
_TRAILING = ".,;:!?'*_~\u2026\u2019"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def rewrite(source: str, link: Callable[[str], str | None]) -> str:
    """Change each URL for what `link` says of it (None: leave it)."""

    def replaced(found: re.Match[str]) -> str:
        url = _ended(found[0])
        new = link(url)
        return found[0] if new is None else new + found[0][len(url) :]

    return _URL.sub(replaced, source)


def _ended(url: str) -> str:
    """The URL without the punctuation of the sentence it ends."""
    while url and len(url) <= MAX_URL:
        last = url[-1]
        if last in _TRAILING or (last in _PAIRS and url.count(last) > url.count(_PAIRS[last])):
            url = url[:-1]
        else:
            break
    return url
