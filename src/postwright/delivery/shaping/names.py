"""What a set of MX hosts is called: the budget that all domains with these hosts share."""

import hashlib
from collections.abc import Iterable

MAX_NAME = 200


def site_name(hosts: Iterable[str]) -> str:
    """The canonical name of a set of hosts, whatever their order: `(alt1|alt2)?.mx.example.com`.

    Labels at the end that all have in common are written once (delivery-engineering.md 2.2).
    """
    names = sorted({host.rstrip(".").lower() for host in hosts})
    if len(names) <= 1:
        return names[0] if names else ""
    labels = [name.split(".")[::-1] for name in names]
    shared = 0
    while all(len(each) > shared for each in labels) and len({each[shared] for each in labels}) == 1:
        shared += 1
    suffix = ".".join(reversed(labels[0][:shared]))
    heads = sorted(".".join(reversed(each[shared:])) for each in labels)
    optional = "?" if "" in heads else ""
    name = f"({'|'.join(filter(None, heads))}){optional}" + (f".{suffix}" if suffix else "")
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"({len(names)} hosts {digest}){f'.{suffix}' if suffix else ''}"
