"""Refusals: a rule said no. They are answers, not crashes."""

from typing import ClassVar


class Refused(Exception):
    """A rule said no. One refusal has two faces: HTTP (status, JSON body) and SMTP (code, enhanced code, text).

    Concepts subclass it in their `errors.py`, one class a rule, so that documentation can list them.
    """

    status: ClassVar[int] = 400
    smtp: ClassVar[tuple[int, str]] = (550, "5.7.0")
    message: ClassVar[str] = ""

    def __init__(self, message: str | None = None, **extra: object) -> None:
        self.text = self.message if message is None else message
        self.extra = extra
        super().__init__(self.text)

    def body(self) -> dict[str, object]:
        """The JSON object of the HTTP answer."""
        return {"message": self.text, **self.extra}
