"""Why something is not done with a template."""

from postwright.kernel.errors import Refused


class TemplateNotFound(Refused):
    """The domain or account has no such template."""

    status = 404
    message = "template not found"


class VersionNotFound(Refused):
    """The template has no version with this tag."""

    status = 404
    message = "template version not found"


class TemplateExists(Refused):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"template '{name[:100]}' already exists")


class VersionExists(Refused):
    """The tag is taken."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"template version '{tag[:100]}' already exists")


class BadTemplate(Refused):
    """What was given cannot be (part of) a template."""


class TooMany(Refused):
    """There are as many templates or versions as there may be."""


class TemplateMissing(Refused):
    """A message names a template or a version that is not there."""

    smtp = (550, "5.6.0")

    def __init__(self, name: str, tag: str = "") -> None:
        version = f" version '{tag[:100]}'" if tag else ""
        super().__init__(f"template '{name[:100]}'{version} not found")


class RenderFailed(Refused):
    """The template cannot be filled with these data; the text says why."""

    smtp = (550, "5.6.0")

    def __init__(self, why: str) -> None:
        super().__init__(f"template could not be rendered: {why}")


class CannotRender(Refused):
    """The template engine is not installed, or does not come up."""

    status = 503
    smtp = (451, "4.3.0")
    message = "Templates cannot be rendered right now, please try again"
