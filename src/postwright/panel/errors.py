"""What the panel's own operations refuse."""

from postwright.kernel.errors import Refused


class TooManyStreams(Refused):
    """Somebody holds more streams open than a person looks at."""

    status = 429
    message = "Too many streams are open, close some and try again"


class NotBuilt(Refused):
    """The installation came without the built panel."""

    status = 404
    message = "The panel is not built here: run `make panel` in the project's folder"
