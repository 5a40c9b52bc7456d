"""The three dialects of paging (behaviour.md 18.1): offset, pivot links, opaque token.

In all of them an empty `items` says that the end is reached, and the four links are always there, absolute
and with a query: clients follow them blindly, and some take them apart.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from postwright.kernel.errors import Refused
from postwright.kernel.http.convert import InvalidParameter

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

TOKEN = 4_096  # characters of a token: it travels in a URL, and these are bounded by proxies to 8 KB
_INT64 = 2**63


class LimitTooLarge(Refused):
    """A page larger than the list allows was asked for."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The 'limit' parameter can't be larger than {most}")


class BadToken(Refused):
    """The token was not made by us."""

    message = "Invalid paging token"


class Limit(msgspec.Struct, kw_only=True):
    """Parameter `limit`: how many items a page has. 0 means the default, as if it were left out.

    Subclass it for the parameters of a list; `most` is the largest page, and `clamps` says whether a larger
    wish is cut to it or refused.
    """

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1_000
    clamps: ClassVar[bool] = False

    limit: int = 0

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise InvalidParameter("limit", "it can't be negative")
        if self.limit > self.most:
            if not self.clamps:
                raise LimitTooLarge(self.most)
            self.limit = self.most
        self.limit = self.limit or self.default


class Offset(Limit, kw_only=True):
    """Parameters of the offset dialect. `skip` items are left out first."""

    skip: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.skip < 0:
            raise InvalidParameter("skip", "it can't be negative")


class Turn(msgspec.Struct, frozen=True):
    """What a store has to read: `limit` rows behind `pivot` (None: from the end we come from).

    `backwards` rows come in descending order of the key and before the pivot; `in_order` turns them round.
    """

    limit: int
    pivot: str | None = None
    backwards: bool = False

    def in_order(self, rows: Sequence[T]) -> list[T]:
        """The rows as the client sees them, ascending."""
        return list(reversed(rows)) if self.backwards else list(rows)


class Pivot(Limit, kw_only=True):
    """Parameters of the pivot dialect; a subclass adds the pivot under the list's own name."""

    page: Literal["first", "next", "prev", "previous", "last"] = "first"

    def turn(self, pivot: str | None) -> Turn:
        """What to read. A pivot matters only to `next` and `previous`."""
        moves = self.page in ("next", "prev", "previous")
        backwards = self.page in ("prev", "previous", "last")
        return Turn(self.limit, pivot if moves and pivot else None, backwards)


class Links(msgspec.Struct, frozen=True):
    """The `paging` object of an answer: absolute URLs."""

    first: str
    next: str
    previous: str
    last: str


def url(base: str, *segments: str, query: Mapping[str, object] | Sequence[tuple[str, object]] = ()) -> str:
    """An absolute URL; segments and query values are escaped."""
    path = "".join("/" + quote(segment, safe="@:") for segment in segments)
    return f"{base}{path}{'?' if query else ''}{urlencode(query)}"


def pivot_links(
    address: str, turn: Turn, name: str, keys: Sequence[str], query: Mapping[str, object] | None = None
) -> Links:
    """The links around a page with `keys` (in ascending order); `name` is that of the pivot parameter.

    `address` is the list's URL without query, `query` what else the links must repeat. Behind an empty page
    nothing can be pivoted on, so the way back from it leads to the list's end it fell off.
    """
    repeated = {"limit": turn.limit, **(query or {})}

    def link(page: str, pivot: str | None = None) -> str:
        with_pivot = {} if pivot is None else {name: pivot}
        return f"{address}?{urlencode({'page': page, **with_pivot, **repeated})}"

    if keys:
        following, previous = link("next", keys[-1]), link("previous", keys[0])
    elif turn.backwards:
        following, previous = link("first"), link("previous", turn.pivot or "")
    else:
        following, previous = link("next", turn.pivot or ""), link("last")
    return Links(
        first=f"{address}?{urlencode(repeated)}", next=following, previous=previous, last=link("last")
    )


def token(position: msgspec.Struct) -> str:
    """A position as text for a URL. It is readable for who wants to, so it holds no secret."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def position(text: str, kind: type[S], longest: int = TOKEN) -> S:
    """The position in a token of at most `longest` characters. Raises BadToken.

    It is input like any other: its numbers fit a database column and its texts have no NUL.
    """
    # A client escapes the page it cuts out of our link, query and all (behaviour.md 6.4).
    bare = text.partition("?")[0].rstrip("=")
    if len(bare) > longest:
        raise BadToken
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(data, type=kind)
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        raise BadToken from None
    if not _storable(msgspec.to_builtins(found)):
        raise BadToken
    return found


def _storable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_storable(key) and _storable(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(map(_storable, value))
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return not (isinstance(value, str) and "\0" in value)


def token_links(
    address: str,
    *,
    first: msgspec.Struct,
    next: msgspec.Struct,
    previous: msgspec.Struct,
    last: msgspec.Struct,
    in_path: bool = False,
) -> Links:
    """The links of the token dialect: `?page=<token>`, and for events also `/<token>` in the path.

    One official client reads only the path and another only the query (behaviour.md 6.4).
    """

    def link(to: msgspec.Struct) -> str:
        made = token(to)
        return f"{address}{'/' + made if in_path else ''}?page={made}"

    return Links(first=link(first), next=link(next), previous=link(previous), last=link(last))
