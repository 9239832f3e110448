"""A desk phone's further line: it places calls, holds them, and transfers with its own keys."""

from __future__ import annotations

from typing import Any

import pytest

from callstream.contracts.credentials import SipCredential
from callstream.contracts.subjects import CREDENTIALS_BUCKET
from callstream_media_gateway.sip import dialog_in
from callstream_media_gateway.sip.dialog import Dialog
from callstream_media_gateway.sip.dialog_out import InDialogRequest
from callstream_media_gateway.sip.digest import Credentials, ha1
from callstream_media_gateway.sip.offer_answer import make_offer
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.responses import make_response
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.transactions import send_response

from .controls import until
from .house import AGENT_HZ, REALM, House
from .phone import Phone


class Line(Phone):
    """A call of its own on the socket of a phone that has registered."""

    def __init__(self, phone: Phone, house: House) -> None:
        super().__init__(house.peers.open(), AGENT_HZ)
        self.ua = phone.ua

    def dial(self, house: House, number: str, user: str = "", password: str = "secret", **more: Any) -> OutgoingCall:
        """Call as this user, agent 1001's phone unless named."""
        user = user or f"{house.tenant}-1001"
        calling = self.calling = self.ua.invite(
            f"sip:{number}@{house.hop.host}:{house.hop.port}",
            from_=f"sip:{user}@{house.hop.host}:{house.hop.port}",
            sdp=make_offer(*self.ears.address, session_id=5),
            credentials=Credentials(user, password),
            **more,
        )
        calling.on_ringing = lambda code, _: self._note("ringing" if code == 180 else code)
        calling.on_failed = lambda code, _: self._note(("failed", code))
        calling.on_answered = self._on_answered
        return calling

    def hear(self, code: int, sdp: SessionDescription | None) -> None:
        """Ringing with the far side's audio, to which it sends as well."""
        if sdp is not None and sdp.audio is not None:
            self.ears.send_to = (sdp.audio.host, sdp.audio.port)
        self._note(code)


async def hold(dialog: Dialog | None, *, on: bool = True) -> None:
    """The phone's hold key."""
    assert dialog is not None
    before = dialog.local_sdp
    line = before.media[0]._replace(direction="sendonly" if on else "sendrecv")
    result = await dialog.reinvite(before._replace(version=before.version + 1, media=(line,)))
    assert result.code == 200


async def refer(dialog: Dialog | None, to: str, replaces: Dialog | None = None, **headers: str) -> int:
    """The phone's transfer key, with its other call or without; the answer's code."""
    assert dialog is not None
    if replaces is not None:
        named = f"{replaces.call_id};to-tag={replaces.remote_tag};from-tag={replaces.local_tag}"
        to = f"{to}?Replaces={named.replace(';', '%3B').replace('=', '%3D').replace('@', '%40')}"
    more = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return await InDialogRequest(dialog, "REFER", [dialog.contact(), ("Refer-To", f"<{to}>"), *more], b"").code


async def workplace(house: House) -> str:
    """SIP user of a phone that is nobody's."""
    user = f"{house.tenant}-desk"
    md5, sha256 = (ha1(algorithm, user, REALM, "secret") for algorithm in ("MD5", "SHA-256"))
    credential = SipCredential(sip_user=user, agent_id="", realm=REALM, ha1_md5=md5, ha1_sha256=sha256)
    await house.publish(credential, CREDENTIALS_BUCKET)
    await until(lambda: house.gateway.phones.agent_of(house.tenant, user) == "")
    return user


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Dialog, str]]:
    """What phones were told by NOTIFY: in which dialog, and the status line."""
    lines: list[tuple[Dialog, str]] = []

    def on_notify(dialog: Dialog, request: Any, transaction: Any) -> None:
        assert request.need("Event").startswith("refer")
        lines.append((dialog, request.body.decode().strip()))
        send_response(transaction, 200, make_response(request, 200, None))

    monkeypatch.setitem(dialog_in._METHODS, "NOTIFY", on_notify)
    return lines
