"""What a call truly has now, for those who hold the log against it."""

from callstream.contracts.commands import CallTruth, LegTruth
from callstream_media_gateway.domain.call import OVER, Call
from callstream_media_gateway.domain.parties import LegStage


def truth_of(call: Call) -> CallTruth:
    """The call's legs. A leg whose figures the media worker still owes is held: its end is not told yet."""
    legs = [
        LegTruth(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            offer_id=leg.offer_id,
            answered=leg.answered and leg.stage is not LegStage.CLOSING,
        )
        for leg in call.legs.values()
        if not leg.second
    ]
    return CallTruth(tenant=call.tenant, call_id=call.call_id, over=call.customer in OVER, legs=tuple(legs))
