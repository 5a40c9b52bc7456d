"""Tags over HTTP."""

from .account import AccountTags
from .domain import DomainTags, DomainTagsByPath

CONTROLLERS = (AccountTags, DomainTags, DomainTagsByPath)
