"""Errors that a domain raises for a caller's mistake. Each names the field, so that people can mend it."""

from callstream.kernel.outcomes import Reason


class Refusal(Exception):
    """A command or document is refused: nothing has changed.

    `reason` is from the closed list, `field` the path of the offending value (`nodes[3].prompt`), or empty when the
    refusal concerns the whole.
    """

    def __init__(self, reason: Reason, message: str, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.reason, self.message, self.field = reason, message, field
