"""Why something is not done with a mailing list."""

from postwright.kernel.errors import Refused


class ListNotFound(Refused):
    """The account has no such list."""

    status = 404

    def __init__(self, address: str, *, quoted: bool = False) -> None:
        shown = f"'{address[:320]}'" if quoted else address[:320]
        super().__init__(f"Mailing list {shown} not found")


class MemberNotFound(Refused):
    """The list has no such member."""

    status = 404

    def __init__(self, member: str, address: str) -> None:
        super().__init__(f"Member {member[:320]} of mailing list {address[:320]} not found")


class BadList(Refused):
    """What was given cannot be (part of) a list."""


class DuplicateList(Refused):
    """There is a list with that address."""

    message = "Duplicate object"


class MemberExists(Refused):
    """The address is a member already."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Address already exists '{address[:320]}'")


class UploadNotFound(Refused):
    """The list has no such upload."""

    status = 404
    message = "Upload not found"
