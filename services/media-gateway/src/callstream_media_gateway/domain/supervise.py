"""A supervisor hears an agent's service (F215, F216). Neither agent nor customer is told; the log is."""

from callstream.contracts.control_events import SupervisionChanged, SupervisionStarted
from callstream.contracts.states import LegRole, Purpose
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.parties import Leg, Watch
from callstream_media_gateway.domain.situation import check, leg_of


def supervise(call: Call, given: inputs.Supervise) -> None:
    """Ring the supervisor's phone; of one who listens already, change the mode."""
    leg = check(call, Control.SUPERVISE, given.agent_id)
    watch = _of(call, given.agent_id, given.actor)
    if watch is not None:
        if watch.mode is not given.mode:
            watch.mode = given.mode
            if watch.started:
                call.append(SupervisionChanged(leg_id=watch.leg_id, mode=watch.mode))
        return
    if given.supervisor_agent_id and leg_of(call, given.supervisor_agent_id) is not None:
        raise Refusal(Reason.INVALID, "the supervisor is a party of this call", "supervisor_agent_id")
    own = Leg(
        call.next_id("s"),
        LegRole.SUPERVISOR,
        announced=False,
        agent_id=given.supervisor_agent_id,
        number=given.number,
        purpose=Purpose.SUPERVISION,
    )
    call.watches[own.leg_id] = Watch(own.leg_id, given.actor, given.agent_id, leg.leg_id, given.mode)
    call.open_leg(own)


def answered(call: Call, leg: Leg) -> None:
    """From now on the supervisor hears."""
    watch = call.watches.get(leg.leg_id)
    if watch is None:
        return
    watch.started = True
    call.append(SupervisionStarted(leg_id=leg.leg_id, supervisor=watch.supervisor, agent_id=watch.agent_id, mode=watch.mode))


def end(call: Call, leg: Leg, actor: str) -> None:
    """Accepted also when it is over already."""
    watch = _of(call, leg.agent_id, actor)
    if watch is not None:
        call.end_watch(watch, Reason.NORMAL)


def _of(call: Call, agent_id: str, actor: str) -> Watch | None:
    return next((w for w in call.watches.values() if w.agent_id == agent_id and w.supervisor == actor), None)
