"""What the SIP package raises. A bad message from the network is counted and answered; its error stays inside."""

from __future__ import annotations


class ParseError(ValueError):
    """A message, header, URI or SDP that cannot be understood. `field` names the part, `problem` says what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class CallOverError(Exception):
    """answer() or reject() came too late: the caller has cancelled, or a final answer was sent before."""


class NotAcceptableError(Exception):
    """No audio of the offer can be used: answer 488 (RFC 3261 21.4.26)."""


class RegistrationError(Exception):
    """The registrar refused (its code), or did not answer (408), or cannot be reached (503)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
