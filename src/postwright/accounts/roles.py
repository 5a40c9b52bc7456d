"""Who may do what: the matrix of roles and areas, as data (behaviour.md 1.2)."""

from enum import Enum, IntEnum, StrEnum


class Role(StrEnum):
    """What a key may do. `BASIC` is what the panel calls analyst; `SENDING` is for domain keys only."""

    ADMIN = "admin"
    BASIC = "basic"
    DEVELOPER = "developer"
    SUPPORT = "support"
    SENDING = "sending"
    BILLING = "billing"  # people only: what the contract lets them see of mail is nothing


class Kind(StrEnum):
    """What a key is for: programs (`USER`), sending from one domain (`DOMAIN`), a panel session (`WEB`)."""

    USER = "user"
    DOMAIN = "domain"
    WEB = "web"


class Area(Enum):
    """What an operation is about: every operation names one, and the matrix has a row for each."""

    DOMAINS = "domains"
    MESSAGES = "messages"
    SENDING = "sending"  # the two operations that send: a row of their own, for domain keys
    WEBHOOKS = "webhooks"
    LOGS = "logs"
    TAGS = "tags"
    METRICS = "metrics"
    ROUTES = "routes"
    IPS = "ips"
    IP_POOLS = "ip pools"
    SUBACCOUNTS = "subaccounts"
    VALIDATIONS = "validations"
    SECURE_TRACKING = "secure tracking"
    IP_ALLOWLIST = "ip allowlist"
    ACCOUNT = "account management"
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    UNSUBSCRIBES = "unsubscribes"
    ALLOWLIST = "allowlist"
    LISTS = "mailing lists"
    TEMPLATES = "templates"
    CUSTOM_LIMIT = "custom message limit"
    CREDENTIALS = "smtp credentials"
    KEYS = "keys"
    USERS = "users"
    OWN_USER = "own user"
    SESSION = "own session"  # ours: one's own password, second factor, sessions
    PEOPLE = "people"  # ours: invitation and removal of users
    OPERATIONS = "operations"  # ours: levers of the queue, the audit log, metrics


class Right(IntEnum):
    """How far a role reaches in an area; each includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2


_COLUMNS = (Role.ADMIN, Role.BASIC, Role.DEVELOPER, Role.SUPPORT)
_OWN = (Area.OWN_USER, Area.SESSION)  # whatever a person may do else
_LETTERS = {"RW": Right.WRITE, "R": Right.READ, "-": Right.NONE}
_ROWS = {
    "RW R  RW R": (
        Area.DOMAINS,
        Area.MESSAGES,
        Area.SENDING,
        Area.WEBHOOKS,
        Area.LOGS,
        Area.TAGS,
        Area.METRICS,
        Area.ROUTES,
        Area.IPS,
        Area.IP_POOLS,
        Area.SUBACCOUNTS,
        Area.VALIDATIONS,
        Area.SECURE_TRACKING,
        Area.IP_ALLOWLIST,
        Area.ACCOUNT,
    ),
    "RW -  RW RW": (Area.BOUNCES, Area.COMPLAINTS, Area.UNSUBSCRIBES),
    "RW R  RW RW": (Area.ALLOWLIST, Area.LISTS, Area.TEMPLATES),
    "RW R  R  R": (Area.CUSTOM_LIMIT,),
    "RW -  R  -": (Area.CREDENTIALS, Area.KEYS),
    "R  -  -  -": (Area.USERS,),
    "R  R  R  R": (Area.OWN_USER,),
    "RW RW RW RW": (Area.SESSION,),
    "RW -  -  -": (Area.PEOPLE, Area.OPERATIONS),
}

# A pair that is not here has no right at all.
MATRIX: dict[tuple[Role, Area], Right] = {
    (role, area): _LETTERS[letter]
    for row, areas in _ROWS.items()
    for area in areas
    for role, letter in zip(_COLUMNS, row.split(), strict=True)
}
MATRIX[Role.SENDING, Area.SENDING] = Right.WRITE
MATRIX |= {(Role.BILLING, area): MATRIX[Role.BASIC, area] for area in _OWN}


def may(role: Role, area: Area, right: Right) -> bool:
    """Whether the matrix gives `role` at least `right` in `area`."""
    return MATRIX.get((role, area), Right.NONE) >= right
