"""What accounts and keys refuse. Texts are those of behaviour.md 1.6 and 16 where it has one."""

from collections.abc import Mapping

from postwright.kernel.errors import Refused


class InvalidKey(Refused):
    """Nothing in the request proves who sent it: no credentials, unusable ones, or a key that is not valid."""

    status = 401
    smtp = (535, "5.7.8")
    message = "Invalid private key"
    headers: Mapping[str, str] = {"www-authenticate": 'Basic realm="MG API"'}


class NotAllowed(Refused):
    """The key is valid, and its role, kind or domain does not reach this operation."""

    status = 403
    smtp = (550, "5.7.1")
    message = "Forbidden"


class AccountDisabled(Refused):
    """The account is suspended: its keys open nothing until it is enabled again."""

    status = 403
    smtp = (550, "5.7.1")
    message = "Account is disabled"


class SubaccountNotFound(Refused):
    """`X-Mailgun-On-Behalf-Of` names no subaccount of the key's account."""

    status = 404
    message = "Subaccount not found"


class AccountNotFound(Refused):
    """There is no account of that id."""

    status = 404
    message = "Account not found"


class KeyNotFound(Refused):
    """The account has no key of that id."""

    status = 404
    message = "no key matching id"


class BadKey(Refused):
    """A key cannot be made, or keys not be listed, with these parameters; the text says why."""

    status = 400


class KeyLimitReached(Refused):
    """The account has as many keys as it may."""

    status = 403
    message = "could not create key, account limit reached"


class SendingOff(Refused):
    """The feature `sending` of the account is switched off."""

    status = 403
    smtp = (550, "5.7.1")


class LimitSpent(Refused):
    """The account has sent what it may send in a month."""

    status = 403
    smtp = (550, "5.7.1")
    message = "The account has reached its custom message limit"


class NoLimit(Refused):
    """The account has no custom message limit."""

    status = 404
    message = "No threshold for account"


class BadLimit(Refused):
    """The limit is lower than limits may be."""

    message = "The limit parameter minumum is 1000"


class CannotEnable(Refused):
    """It is not the limit that keeps the account from sending."""

    message = "Unable to re-enable account with current account disablement"


class NotASubaccount(Refused):
    """There is no such subaccount to limit."""

    message = "Invalid subaccount ID"


class ChildNotFound(Refused):
    """The account has no such subaccount."""

    status = 404
    message = "Not Found"


class BadSubaccount(Refused):
    """A subaccount cannot be made or changed like this; the text says why."""


class BadAccount(Refused):
    """An account cannot be changed like this; the text says why."""


class BadAddress(Refused):
    """No address or network that is, or can be, on the list; the text says why."""

    message = "Invalid IP Address or CIDR"


class BadRecipient(Refused):
    """No address that is, or can be, a sandbox recipient; the text says why."""

    message = "Invalid email address."


class LinkNotValid(Refused):
    """The link is too old, or never was one."""

    status = 404
    message = "This link is not valid any more"
