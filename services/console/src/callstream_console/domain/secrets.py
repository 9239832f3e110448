"""Digest secrets (RFC 8760) in place of the passwords of phones and of accounts at trunks."""

import hashlib

from callstream.contracts.credentials import SipCredential, TrunkCredential
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.manifest import Phone
from callstream_console.domain.trunk_entry import TrunkEntry

SIP_REALM = "callstream"


def phone_secret(phone: Phone, agent_id: str, before: SipCredential | None, where: str) -> SipCredential | None:
    """The secret to be stored; None keeps the one before. Raises Refusal when there is none to keep.

    `agent_id`: empty for a workplace's phone.
    """
    if not phone.password:
        if before is None:
            raise Refusal(Reason.INVALID, "a new phone needs a password", f"{where}.phone.password")
        return None
    md5, sha256 = _ha1(phone.user, SIP_REALM, phone.password)
    return SipCredential(sip_user=phone.user, agent_id=agent_id, realm=SIP_REALM, ha1_md5=md5, ha1_sha256=sha256)


def trunk_secret(entry: TrunkEntry, before: TrunkCredential | None, where: str) -> TrunkCredential | None:
    """The secret to be stored; None keeps what is there. A secret holds for its user and realm only. Raises Refusal."""
    account = entry.registration
    if account is None:
        return None
    if not account.password:
        if before is None or (before.user, before.realm) != (account.user, account.realm):
            message = "a new account, or another user or realm of one, needs the password"
            raise Refusal(Reason.INVALID, message, f"{where}.registration.password")
        return None
    md5, sha256 = _ha1(account.user, account.realm, account.password)
    return TrunkCredential(trunk=entry.id, user=account.user, realm=account.realm, ha1_md5=md5, ha1_sha256=sha256)


def _ha1(user: str, realm: str, password: str) -> tuple[str, str]:
    secret = f"{user}:{realm}:{password}".encode()
    return hashlib.md5(secret, usedforsecurity=False).hexdigest(), hashlib.sha256(secret).hexdigest()
