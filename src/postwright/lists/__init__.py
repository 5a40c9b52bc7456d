"""Mailing lists: addresses that stand for their members.

Tables: `lists`, `list_members`, `list_uploads` (bulk uploads and how far they are), `list_posts` (messages to a list
that have not yet gone to all members). Writes the events `list_member_uploaded`, `list_member_upload_error` and
`list_uploaded`. A list's address is one of a domain of the account. `members_count` is kept with each change, so that
nothing ever counts. What makes copies of a post is `posting`, which knows messages.
"""

from .jobs import Uploader
from .service import (
    MailingList,
    Member,
    Post,
    add_post,
    advance_post,
    among,
    change_subscription,
    find,
    find_by_key,
    finish_post,
    forget_domain,
    is_subscribed,
    next_members,
    posts,
    unsubscribe_member,
)

__all__ = [
    "MailingList",
    "Member",
    "Post",
    "Uploader",
    "add_post",
    "advance_post",
    "among",
    "change_subscription",
    "find",
    "find_by_key",
    "finish_post",
    "forget_domain",
    "is_subscribed",
    "next_members",
    "posts",
    "unsubscribe_member",
]
