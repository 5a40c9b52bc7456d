"""People: who signs in to the panel, with a password and perhaps a second factor.

Tables: `users`, `user_links`. A session is an API key of kind `web` (`accounts`) with the role of its user: every
rule about keys holds for it, and what it may do is decided where that of every other key is.

- A password is stored as its Argon2id hash, the secret of a second factor sealed, a recovery code and the token of
  a link as digests. A code and a link work once.
- A user who is disabled, deleted or given another role has no session any more when that is committed; other
  processes notice within a second.
- An e-mail address signs in to one account of an installation.
- An account keeps one user who may administer it.
"""

from .errors import EmailTaken, NoSuchUser
from .records import ADMIN, Purpose, User
from .service import WELCOME_PAGE, any_user, create, expire, find, invite, link
from .signing_in import SignIn

__all__ = [
    "ADMIN",
    "WELCOME_PAGE",
    "EmailTaken",
    "NoSuchUser",
    "Purpose",
    "SignIn",
    "User",
    "any_user",
    "create",
    "expire",
    "find",
    "invite",
    "link",
]
