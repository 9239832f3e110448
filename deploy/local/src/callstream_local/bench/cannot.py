"""The one way in which a part fails."""


class CannotMeasure(Exception):
    """The work itself failed, so there is no figure; the message says what went wrong."""
