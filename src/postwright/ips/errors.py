"""Why something is not done with an address or a pool."""

from postwright.kernel.errors import Refused


class IpNotFound(Refused):
    """The account has no such address."""

    status = 404
    message = "IP not found"


class PoolNotFound(Refused):
    """The account has no such pool."""

    status = 404
    message = "IP pool not found"


class BadIp(Refused):
    """An address cannot be used in this way; the text says why."""


class BadPool(Refused):
    """A pool cannot become what was asked for; the text says why."""


class NoMoreIps(Refused):
    """The plan allows no more addresses, or none is left."""

    status = 403
    message = "no more dedicated IPs are available to this account"


class FeatureOff(Refused):
    """The account may not use this."""

    status = 403

    def __init__(self, feature: str) -> None:
        super().__init__(f"the feature '{feature}' is not enabled for this account")


class WarmupNotFound(Refused):
    """The address is not being warmed up."""

    status = 404
    message = "no warmup in progress for this IP"


class NotSetUp(Refused):
    """The account has no dynamic pools yet."""

    status = 404
    message = "dynamic IP pools are not set up: POST /v3/dynamic_pools/all first"


class NotOwner(Refused):
    """A subaccount asks for what is its parent's to decide."""

    status = 403
    message = "dynamic IP pools belong to the parent account"


class NotEnrolled(Refused):
    """The domain is in no dynamic pool."""

    status = 404
    message = "domain is not enrolled in dynamic IP pools"


class OverrideNotFound(Refused):
    """Checks decide about the domain's pool already."""

    status = 404
    message = "the domain has no override"
