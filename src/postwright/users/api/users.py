"""The users of an account over HTTP."""

from postwright.accounts import Area, Keyring, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.secrets import Vault

from .. import service, store
from ..errors import BadUser, EmailTaken, NoSuchUser
from ..schemas import ChangeUser, Done, Invite, Success, UserDone, UserList, UserQuery, UserShown, shown
from .mine import NotAUser, own_user

_PATH = "/postwright/v1/users"


class Users(Controller):
    """People who may sign in."""

    @get("/v5/users", id="users.list", access=Area.USERS)
    async def page(self, principal: Principal, db: Db, fields: UserQuery) -> UserList:
        """List the account's users, oldest first."""
        found, total = await db.read(
            store.page, principal.account_id, fields.role, fields.limit, max(fields.skip, 0)
        )
        return UserList([shown(user) for user in found], total)

    @get("/v5/users/me", id="users.me", access=Area.OWN_USER, errors=(NotAUser,))
    async def me(self, principal: Principal, db: Db) -> UserShown:
        """Show the user whose session this is."""
        return shown(await own_user(db, principal))

    @get("/v5/users/{user_id:str}", id="users.get", access=Area.USERS, errors=(NoSuchUser,))
    async def show(self, principal: Principal, db: Db, user_id: str) -> UserShown:
        """Show a user."""
        return shown(await db.read(service.get, principal.account_id, user_id))


class People(Controller):
    """What the contract has no operation for: inviting, changing and removing users."""

    @post(_PATH, id="people.invite", access=Area.PEOPLE, errors=(BadUser, EmailTaken))
    async def invite(
        self, principal: Principal, db: Db, clock: Clock, vault: Vault, base_url: str, fields: Invite
    ) -> UserDone:
        """Invite somebody by e-mail. The link in it works for seven days, once."""
        user = await db.write(
            service.invite,
            clock.now(),
            vault,
            base_url,
            principal.account_id,
            fields.email,
            fields.name,
            fields.role,
        )
        return UserDone("Invitation sent", shown(user))

    @post(
        _PATH + "/{user_id:str}/invitation",
        id="people.invite_again",
        access=Area.PEOPLE,
        errors=(NoSuchUser, BadUser),
    )
    async def invite_again(
        self, principal: Principal, db: Db, clock: Clock, vault: Vault, base_url: str, user_id: str
    ) -> UserDone:
        """Send another invitation to somebody who did not come yet; the first one works no more."""
        user = await db.write(
            service.invite_again, clock.now(), vault, base_url, principal.account_id, user_id
        )
        return UserDone("Invitation sent", shown(user))

    @put(_PATH + "/{user_id:str}", id="people.update", access=Area.PEOPLE, errors=(NoSuchUser, BadUser))
    async def update(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        authenticator: Keyring,
        user_id: str,
        fields: ChangeUser,
    ) -> UserDone:
        """Change a user's role or name, or shut them out. Their sessions end when what they may do changes."""
        user = await db.write(
            service.change,
            clock.now(),
            principal.account_id,
            user_id,
            role=fields.role,
            name=fields.name,
            is_disabled=fields.disabled,
        )
        authenticator.forget()
        return UserDone("User updated", shown(user))

    @delete(_PATH + "/{user_id:str}", id="people.remove", access=Area.PEOPLE, errors=(NoSuchUser, BadUser))
    async def remove(self, principal: Principal, db: Db, authenticator: Keyring, user_id: str) -> Done:
        """Remove a user and end their sessions."""
        await db.write(service.remove, principal.account_id, user_id)
        authenticator.forget()
        return Done("User removed")


class Activation(Controller):
    """The owner's own invitation."""

    @post("/v5/accounts/resend_activation_email", id="accounts.resend_activation", access=Area.ACCOUNT)
    async def resend(
        self, principal: Principal, db: Db, clock: Clock, vault: Vault, base_url: str
    ) -> Success:
        """Mail the owner of the account the link to choose a password with, unless they have chosen one."""
        await db.write(service.invite_owner_again, clock.now(), vault, base_url, principal.account_id)
        return Success()


CONTROLLERS = (Users, People, Activation)
