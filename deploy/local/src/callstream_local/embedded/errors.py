"""What goes wrong with an embedded server."""


class ServerError(Exception):
    """An embedded server ended or did not answer in time; the message says what to do or holds the end of its log."""
