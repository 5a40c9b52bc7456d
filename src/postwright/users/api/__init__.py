"""People and sessions over HTTP."""

from .sessions import CONTROLLERS as SESSIONS
from .users import CONTROLLERS as USERS

CONTROLLERS = (*SESSIONS, *USERS)
