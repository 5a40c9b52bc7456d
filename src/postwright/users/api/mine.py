"""The user behind a request."""

from postwright.accounts import Principal
from postwright.kernel.db import Db

from .. import store
from ..errors import NotAUser
from ..records import User

__all__ = ["NotAUser", "own_user"]


async def own_user(db: Db, principal: Principal) -> User:
    """The user whose session, or key, this is. Raises NotAUser."""
    user = await db.read(store.get, principal.home_id, principal.user_id) if principal.user_id else None
    if user is None:
        raise NotAUser
    return user
