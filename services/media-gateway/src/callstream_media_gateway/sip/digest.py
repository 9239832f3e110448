"""Digest arithmetic of RFC 2617, RFC 7616 and RFC 8760: credentials, parsing, responses. No nonce keeping here."""

from __future__ import annotations

from typing import NamedTuple


class Credentials(NamedTuple):
    """A user's name and password, as a phone or a trunk knows them."""

    username: str
    password: str
