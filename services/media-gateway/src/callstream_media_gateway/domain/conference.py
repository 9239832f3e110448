"""A talk of three: leaving it, and dropping the third party (F021, F022). Joining is the end of a consultation."""

from callstream.contracts.control_events import CallTransferred, PartyLeft
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.hold import retrieve
from callstream_media_gateway.domain.parties import Leg
from callstream_media_gateway.domain.serve import begin_service, record, stop_recording


def leave(call: Call, leg: Leg, actor: str, *, reason: Reason = Reason.NORMAL, peer_gone: bool = False) -> None:
    """One goes, the others talk on. When it was who served, the third party serves from now on."""
    served = leg.leg_id == call.serving
    if served:
        retrieve(call, leg, actor)
        stop_recording(call)
    call.drop_party(leg.leg_id, reason, peer_gone=peer_gone)
    call.append(PartyLeft(leg_id=leg.leg_id, role=leg.role, agent_id=leg.agent_id, number=leg.number))
    if not served:
        return
    heir = _third(call)
    call.append(CallTransferred(agent_id=leg.agent_id, how="left", to_agent_id=heir.agent_id, to_number=heir.number))
    begin_service(call, heir)
    if heir.agent_id:
        call.append(record(call, heir.agent_id))


def drop_third(call: Call, _: Leg, actor: str) -> None:
    """Hang up the third party only."""
    third = _third(call)
    call.drop_party(third.leg_id, Reason.NORMAL)
    call.append(PartyLeft(leg_id=third.leg_id, role=third.role, agent_id=third.agent_id, number=third.number, actor=actor))


def _third(call: Call) -> Leg:
    """Who talks along with the customer and who serves them."""
    return call.legs[next(leg_id for leg_id in call.talk if leg_id not in (call.customer_leg, call.serving))]
