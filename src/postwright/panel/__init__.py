"""The panel: the pages people see, and what tells them that something changed.

The pages themselves are built from `web/` into `built/`; they use the public API and `/postwright/v1/` alone. Owns
no tables. Reads the heads of the event log and the audit log.

- Nothing of a page runs that is not a file of ours: no inline script, no inline style, no other host.
- What somebody sent is shown only in a frame without any rights, from an answer that says so itself.
"""

from .changes import Changes

__all__ = ["Changes"]
