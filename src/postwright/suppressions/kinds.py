"""The three lists: what they are called and what they say (behaviour.md 14.3)."""

from typing import Final

import msgspec

from postwright.accounts import Area


class Kind(msgspec.Struct, frozen=True):
    """One list and its words."""

    name: str  # in the table
    path: str  # in URLs
    area: Area
    added: str
    added_many: str
    removed: str
    cleared: str
    missing: str


BOUNCES: Final = Kind(
    name="bounce",
    path="bounces",
    area=Area.BOUNCES,
    added="Address has been added to the bounces table",
    added_many="{count} addresses have been added to the bounces table",
    removed="Bounced address has been removed",
    cleared="Bounced addresses for this domain have been removed",
    missing="Address not found in bounces table",
)
UNSUBSCRIBES: Final = Kind(
    name="unsubscribe",
    path="unsubscribes",
    area=Area.UNSUBSCRIBES,
    added="Address has been added to the unsubscribes table",
    added_many="{count} addresses have been added to the unsubscribes table",
    removed="Unsubscribe event has been removed",
    cleared="Unsubscribe addresses for this domain have been removed",
    missing="Address not found in unsubscribers table",
)
COMPLAINTS: Final = Kind(
    name="complaint",
    path="complaints",
    area=Area.COMPLAINTS,
    added="Address has been added to the complaints table",
    added_many="{count} complaint addresses have been added to the complaints table",
    removed="Spam complaint has been removed",
    cleared="Complaint addresses for this domain have been removed",
    missing="No spam complaints found for this address",
)
ALLOWED_ADDED = "Address/Domain has been added to the allowlists table"
ALLOWED_REMOVED = "Allowlist address/domain has been removed"
ALLOWED_CLEARED = "Allowlist addresses/domains for this domain have been removed"
ALLOWED_MISSING = "Address/Domain not found in allowlist table"
TAG_MISSING = "Unsubscribe event for this tag does not exist"
