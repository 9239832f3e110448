"""A dialog as it is kept outside of the process, so that a call outlives the signalling that made it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from .handler import Hop
from .sdp import parse_sdp
from .session_timer import Agreement
from .uri import NameAddr, Uri

if TYPE_CHECKING:
    from .core import Core
    from .dialog import Dialog

CSEQ_JUMP = 1000
"""How far our CSeq numbers jump at a restore, for what was sent after the export; ten more for each second of the call.

So a state of the beginning of a call may be restored again and again: each restore is later, and starts higher than any
call in which fewer than ten requests a second were sent can have come.
"""


class DialogState(Struct, frozen=True):
    """What RFC 3261 12 calls the state of a dialog, in plain types; made by `Dialog.export`, used by `UserAgent.restore`.

    local, remote: From and To with their tags, as header values; local is ours. transport, host, port: where the peer
    was heard from. hidden: it stands behind address translation and is reached there. local_cseq, remote_cseq: the last
    number each side used. local_sdp, remote_sdp: the descriptions in force. session_interval: seconds (RFC 4028), 0
    without a session timer. peer_allows: the peer's Allow header. started_at: Unix time in seconds.

    Texts have one character (below U+0100) for each byte on the wire, so that a name in any encoding comes back as it was.
    """

    call_id: str
    local: str
    remote: str
    remote_target: str
    route_set: tuple[str, ...]
    transport: str
    host: str
    port: int
    hidden: bool
    made_call_id: bool
    local_cseq: int
    remote_cseq: int | None
    local_sdp: str
    remote_sdp: str | None
    session_interval: int
    we_refresh: bool
    peer_allows: str
    started_at: float


def export(dialog: Dialog) -> DialogState:
    """The dialog as it is now."""
    agreement = dialog.session.agreement
    return DialogState(
        call_id=kept(dialog.call_id),
        local=kept(str(dialog.local)),
        remote=kept(str(dialog.remote)),
        remote_target=kept(str(dialog.remote_target)),
        route_set=tuple(kept(str(route)) for route in dialog.route_set),
        transport=dialog.source.transport,
        host=dialog.source.host,
        port=dialog.source.port,
        hidden=dialog.hidden,
        made_call_id=dialog.made_call_id,
        local_cseq=dialog.local_cseq,
        remote_cseq=dialog.remote_cseq,
        local_sdp=dialog.local_sdp.to_bytes().decode("latin-1"),
        remote_sdp=None if dialog.remote_sdp is None else dialog.remote_sdp.to_bytes().decode("latin-1"),
        session_interval=0 if agreement is None else agreement.interval,
        we_refresh=agreement is not None and agreement.we_refresh,
        peer_allows=kept(dialog.peer_allows),
        started_at=dialog.started_at,
    )


def restore(make: type[Dialog], core: Core, state: DialogState) -> Dialog:
    """The confirmed dialog again. Raises ParseError for a state that was not made by `export`."""
    dialog = make(
        core,
        taken(state.call_id),
        NameAddr.parse(taken(state.local), "local"),
        NameAddr.parse(taken(state.remote), "remote"),
        Uri.parse(taken(state.remote_target), "remote_target"),
        [NameAddr.parse(taken(route), "route_set") for route in state.route_set],
        Hop(state.transport, state.host, state.port),
        parse_sdp(state.local_sdp.encode("latin-1")),
    )
    if state.remote_sdp is not None:
        dialog.remote_sdp = parse_sdp(state.remote_sdp.encode("latin-1"))
    dialog.hidden = state.hidden
    dialog.made_call_id = state.made_call_id
    dialog.local_cseq = state.local_cseq + CSEQ_JUMP + 10 * max(0, int(time.time() - state.started_at))
    dialog.remote_cseq = state.remote_cseq
    dialog.peer_allows = taken(state.peer_allows)
    dialog.started_at = state.started_at
    if state.session_interval:
        dialog.session.resume(Agreement(state.session_interval, state.we_refresh))
    return dialog


def kept(text: str) -> str:
    """Text of a message as one character for each byte, which any encoding can carry."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def taken(text: str) -> str:
    """The text again."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
