"""The agent goes, the customer stays and waits for another agent, a group or an outside party (F018-F020, F214).

When nobody comes, the call ends with the reason: routing has then tried the target and, for an agent, the group that served
before (ADR 16), and no flow is left that could see to the customer.
"""

from callstream.contracts.call_events import TransferStarted
from callstream.contracts.config import Prompt
from callstream.contracts.control_events import CallTransferred, ConsultEnded
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import inputs, orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.hold import retrieve
from callstream_media_gateway.domain.parties import Leg, Playback, Wanted
from callstream_media_gateway.domain.serve import begin_service, stop_recording
from callstream_media_gateway.domain.situation import check, leg_of
from callstream_media_gateway.domain.states import CustomerInput


def transfer(call: Call, given: inputs.Transfer) -> None:
    """A supervisor moves the customer to another agent (F214)."""
    leg = check(call, Control.TRANSFER, given.agent_id)
    _hand_over(call, leg, given.actor, given.target_agent_id, "", given.prompts, Reason.SUPERVISOR)


def hand_over(call: Call, given: orders.HandOver) -> None:
    """The agent gives the customer to another agent, or back to a group."""
    leg = check(call, Control.BLIND_TRANSFER, given.agent_id)
    _hand_over(call, leg, given.actor, given.target_agent_id, given.group_id, given.prompts, Reason.NORMAL)


def hand_out(call: Call, given: orders.HandOut) -> None:
    """The agent gives the customer to an outside party, which is rung at once (F020)."""
    leg = check(call, Control.BLIND_TRANSFER, given.agent_id)
    target = Leg(call.next_id("x"), LegRole.EXTERNAL, announced=False, number=given.number, purpose=Purpose.TRANSFER)
    call.wanted[target.leg_id] = Wanted(target.leg_id, Purpose.TRANSFER, given.agent_id, "")
    _release(call, leg, given.actor, Reason.NORMAL)
    _music(call, target.leg_id, given.prompts)
    call.open_leg(target)


def outside_answered(call: Call, leg: Leg) -> None:
    """The outside party has the customer; there is no service of ours any more, and no recording."""
    moved = call.wanted.pop(leg.leg_id, None)
    if moved is None:
        return
    call.finish_play("stopped")
    call.move(CustomerInput.CONNECT)
    call.move(CustomerInput.BRIDGE)
    begin_service(call, leg)
    if moved.consult_id:
        call.append(ConsultEnded(consult_id=moved.consult_id, agent_id=moved.agent_id, how="completed"))
    how = "consult" if moved.consult_id else "blind"
    call.append(CallTransferred(agent_id=moved.agent_id, how=how, to_number=leg.number))


def nobody_came(call: Call, request_id: str, reason: Reason, party: Party) -> None:
    """For a customer who was handed on: no flow is left that could see to them."""
    moved = call.wanted.pop(request_id, None)
    if moved is None:
        return
    if moved.consult_id:
        call.append(ConsultEnded(consult_id=moved.consult_id, agent_id=moved.agent_id, how="failed", reason=reason))
    call.end(reason, party)


def _hand_over(call: Call, leg: Leg, actor: str, target: str, group: str, prompts: tuple[Prompt, ...], reason: Reason) -> None:
    if target and leg_of(call, target) is not None:
        raise Refusal(Reason.INVALID, "the target serves this call already", "target_agent_id")
    call.transfer_count += 1
    request_id = f"{call.call_id}-t{call.transfer_count}"
    call.wanted[request_id] = Wanted(request_id, Purpose.TRANSFER, leg.agent_id, target)
    call.append(
        TransferStarted(
            request_id=request_id,
            agent_id=leg.agent_id,
            target_agent_id=target,
            actor=actor,
            caller=call.other_side,
            gateway=call.gateway,
            customer_leg_id=call.customer_leg,
            group_id=group,
        )
    )
    _release(call, leg, actor, reason)
    _music(call, request_id, prompts)


def _release(call: Call, leg: Leg, actor: str, reason: Reason) -> None:
    """The agent's part is over, the customer's is not."""
    retrieve(call, leg, actor)
    stop_recording(call)
    call.move(CustomerInput.RELEASE)
    call.drop_party(leg.leg_id, reason)
    call.serving = ""


def _music(call: Call, of: str, prompts: tuple[Prompt, ...]) -> None:
    call.start_play(Playback(f"{of}-music", prompts, repeat=0, barge_in=False, asked=False))
