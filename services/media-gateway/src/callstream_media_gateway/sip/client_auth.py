"""Answering a 401 or 407 as a client (RFC 3261 22.2, 22.3)."""

from __future__ import annotations

import secrets

from .digest import Credentials, answer_challenge, choose_challenge
from .message import Header, Response


def credentials_header(response: Response, credentials: Credentials, method: str, uri: str) -> Header | None:
    """The header that answers the strongest challenge we can answer, or None."""
    asked, answered = ("WWW-Authenticate", "Authorization")
    if response.code == 407:
        asked, answered = ("Proxy-Authenticate", "Proxy-Authorization")
    challenge = choose_challenge(response.lines(asked))
    if challenge is None:
        return None
    answer = answer_challenge(challenge, credentials, method, uri, cnonce=secrets.token_hex(8))
    return None if answer is None else (answered, str(answer))
