"""Address patterns with `*`, and keys by which an index finds the few that could match an address.

A rule is filed under one key, made of its longest literal piece: the whole address when it has no `*`, else the
beginning or the end of its local part, else some letters of its middle. An address is looked up under every key
that a rule matching it could have: about six for each of its letters.
"""

from postwright.mail.addresses import AddressError, parse_one, to_ascii

MAX_LENGTH = 320  # characters of a pattern: an address has no more (RFC 5321 §4.5.3.1)
MAX_STARS = 10
_MIDDLE = 4  # letters of a middle piece in a key


class BadMatch(ValueError):
    """The text is no pattern of addresses; the message says why, for people."""


def parse(text: str) -> tuple[str, str]:
    """A pattern in lower case, and the domain it is about: what follows the last `*.` of its domain part.

    Raises BadMatch.
    """
    pattern = text.strip().lower()
    if len(pattern) > MAX_LENGTH:
        raise BadMatch(f"longer than {MAX_LENGTH} characters")
    if pattern.count("*") > MAX_STARS:
        raise BadMatch(f"more than {MAX_STARS} wildcards")
    local, at, domain = pattern.rpartition("@")
    if not at or not local:
        raise BadMatch("a full address is expected")
    while "**" in local:
        local = local.replace("**", "*")
    host = domain
    if "*" in domain:
        before, star, host = domain.rpartition("*.")
        if not star or before:
            raise BadMatch(
                "in the domain a wildcard may only stand for all in front of a dot, as in *.example.com"
            )
    try:
        host = to_ascii(host)
        # What a wildcard stands for may be anything, so a letter there shows whether the rest can be an address.
        parse_one(f"{_without_stars(local)}@{host}")
    except AddressError as wrong:
        raise BadMatch(str(wrong)) from wrong
    return f"{local}@{domain.removesuffix(domain.rpartition('*.')[2])}{host}", host


def _without_stars(local: str) -> str:
    return local.replace("*", "x") if not local.startswith('"') else local


def key(pattern: str) -> str:
    """Under which key a pattern is filed."""
    local = pattern.rpartition("@")[0]
    if "*" not in pattern:
        return f"={pattern}"
    if "*" not in local:
        return f"^{local}"
    pieces = local.split("*")
    first, last = pieces[0], pieces[-1]
    if first or last:
        return f"^{first}" if len(first) >= len(last) else f"${last}"
    middle = max(pieces, key=len)
    return f"~{middle[:_MIDDLE]}"


def keys(address: str) -> list[str]:
    """Every key under which a pattern that matches `address` can be filed."""
    address = address.lower()
    local = address.rpartition("@")[0]
    found = [f"={address}"]
    found.extend(f"^{local[:end]}" for end in range(1, len(local) + 1))
    found.extend(f"${local[start:]}" for start in range(len(local)))
    middles = {
        local[start : start + size] for size in range(_MIDDLE + 1) for start in range(len(local) - size + 1)
    }
    found.extend(f"~{middle}" for middle in sorted(middles))
    return found


def matches(pattern: str, address: str) -> bool:
    """Whether a pattern matches an address. Costs time linear in both for each wildcard."""
    pieces = pattern.split("*")
    address = address.lower()
    if len(pieces) == 1:
        return pattern == address
    first, last = pieces[0], pieces[-1]
    if len(address) < len(first) + len(last) or not (address.startswith(first) and address.endswith(last)):
        return False
    at, end = len(first), len(address) - len(last)
    for piece in pieces[1:-1]:
        at = address.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
