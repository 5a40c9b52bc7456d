"""What can keep an installation from starting."""


class StartFailed(RuntimeError):
    """A port could not be bound, or a process did not come up; the text says what to do."""
