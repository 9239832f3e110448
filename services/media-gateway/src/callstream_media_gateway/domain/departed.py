"""What it means that one party of the call is gone: which leg it was, and what it was doing, decides who else goes."""

from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import conference, consult
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.parties import Leg


def departed(call: Call, leg: Leg, reason: Reason, party: Party, *, peer_gone: bool = True) -> None:
    """The end of one party's leg by itself (F015).

    - a supervisor: nobody notices;
    - who was consulted, or the second leg on which the agent consults: the customer is retrieved;
    - the agent in a consultation: the target has the customer now, or will when it answers (ADR 16);
    - one of a talk of three: the others talk on;
    - anybody else: the call is over.
    """
    asked = call.consult
    if leg.leg_id in call.watches:
        call.end_watch(call.watches[leg.leg_id], reason, peer_gone=peer_gone)
    elif asked is not None and leg.leg_id == asked.target_leg:
        consult.over(call, "target-left" if asked.answered else "failed", reason, target_gone=peer_gone)
    elif asked is not None and leg.leg_id == asked.own_leg:
        consult.over(call, "cancelled", reason, leg.agent_id, own_gone=peer_gone)
    elif asked is not None and leg.leg_id == asked.agent_leg and asked.answered:
        consult.complete(call, leg, leg.agent_id, reason=reason, peer_gone=peer_gone)
    elif asked is not None and leg.leg_id == asked.agent_leg:
        consult.pass_on(call, leg, reason, peer_gone=peer_gone)
    elif leg.leg_id in call.talk and leg.leg_id != call.customer_leg and len(call.talk) > 2:
        conference.leave(call, leg, "", reason=reason, peer_gone=peer_gone)
    else:
        gone = leg.leg_id if peer_gone else ""
        if leg.leg_id != call.customer_leg:
            call.drop_party(leg.leg_id, reason, peer_gone=peer_gone)
        call.end(reason, party, gone=gone)
