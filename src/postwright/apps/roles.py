"""What a machine may do for the installation, and which processes do it.

Roles that live on the same sockets and the same imports share a process: the API and the links of messages, and the
two doors of SMTP. So one machine needs four processes for everything, and many machines can divide the work by role.
"""

from typing import Final

from .errors import StartFailed

# Each role, and the kind of process that has it.
ROLES: Final = {
    "api": "http",
    "tracking": "http",
    "submission": "smtp",
    "mx": "smtp",
    "delivery": "delivery",
    "projector": "projector",
}
KINDS: Final = ("http", "smtp", "delivery", "projector")  # in the order they are started in
# Names of kinds stand for all their roles.
GROUPS: Final = {kind: [role for role, has in ROLES.items() if has == kind] for kind in KINDS}


def chosen(text: str) -> frozenset[str]:
    """The roles of the setting `roles`. Raises StartFailed for one that does not exist."""
    roles: set[str] = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in ROLES and name not in GROUPS:
            raise StartFailed(
                f"POSTWRIGHT_ROLES: unknown role {name!r}: {', '.join(ROLES)} exist, "
                "and http (api, tracking) and smtp (submission, mx)"
            )
        roles.update(GROUPS.get(name, [name]))
    if not roles:
        raise StartFailed(f"POSTWRIGHT_ROLES is empty: some of {', '.join(ROLES)} expected")
    return frozenset(roles)
