"""The customer in a flow, in the middle of a talk (F027): ivr plays and hears their keys as in any flow, then they are back."""

from callstream.contracts.control_events import FlowLeft, FlowStarted
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import inputs, orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.parties import FlowRun, Leg, LegStage
from callstream_media_gateway.domain.situation import check


def run(call: Call, given: orders.RunFlow) -> None:
    """Agent and customer hear each other no longer. What was played to the customer is over."""
    leg = check(call, Control.RUN_FLOW, given.agent_id)
    customer = call.legs[call.customer_leg]
    call.finish_play("stopped")
    customer.held = True
    call.run = FlowRun(call.next_id("f"), leg.leg_id, leg.agent_id)
    call.append(
        FlowStarted(
            run_id=call.run.run_id,
            agent_id=leg.agent_id,
            actor=given.actor,
            flow_id=given.flow_id,
            flow_version=given.flow_version,
            caller=call.other_side,
            called=call.own_number,
            gateway=call.gateway,
            customer_leg_id=call.customer_leg,
        )
    )


def resume(call: Call, _: Leg, actor: str) -> None:
    """The agent takes the customer back."""
    leave(call, "resumed", Reason.NORMAL, actor=actor)


def over(call: Call, given: inputs.FlowOver) -> None:
    """The flow has come to its end; one that was left already has nobody to bring back."""
    if call.run is not None and call.run.run_id == given.run_id:
        leave(call, "ended", given.reason, node_id=given.node_id)


def look_after(call: Call) -> None:
    """A run lasts as long as there is a customer, and an agent to come back to."""
    if call.run is None:
        return
    agent, customer = call.legs.get(call.run.agent_leg), call.legs.get(call.customer_leg)
    if agent is None or customer is None or LegStage.CLOSING in (agent.stage, customer.stage):
        leave(call, "cancelled", Reason.NORMAL)


def leave(call: Call, how: str, reason: Reason, *, node_id: str = "", actor: str = "") -> None:
    """Both hear each other again, if both are still there."""
    gone, call.run = call.run, None
    if gone is None:
        return
    call.finish_play("stopped")
    customer = call.legs.get(call.customer_leg)
    if customer is not None:
        customer.held = False
    call.append(FlowLeft(run_id=gone.run_id, agent_id=gone.agent_id, how=how, reason=reason, node_id=node_id, actor=actor))
