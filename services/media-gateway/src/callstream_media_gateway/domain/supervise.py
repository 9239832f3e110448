"""A supervisor hears an agent's service (F215, F216). Neither agent nor customer is told; the log is."""

from callstream.contracts.config import Speech
from callstream.contracts.control_events import SupervisionChanged, SupervisionStarted
from callstream.contracts.states import LegRole, Purpose, Supervision
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.parties import Leg, Watch
from callstream_media_gateway.domain.situation import check, leg_of

MODES = {"1": Supervision.LISTEN, "2": Supervision.WHISPER, "3": Supervision.BARGE}
KEYS = (Speech(text="1, listen. 2, speak to the agent. 3, speak to both."),)


def supervise(call: Call, given: orders.Supervise) -> None:
    """Ring the supervisor's phone; of one who listens already, change the mode."""
    leg = check(call, Control.SUPERVISE, given.agent_id)
    watch = _of(call, given.agent_id, given.actor)
    if watch is not None:
        _change(call, watch, given.mode)
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
    """From now on the supervisor hears. One at a plain telephone is told the keys."""
    watch = call.watches.get(leg.leg_id)
    if watch is None:
        return
    watch.started = True
    call.append(SupervisionStarted(leg_id=leg.leg_id, supervisor=watch.supervisor, agent_id=watch.agent_id, mode=watch.mode))
    if leg.number:
        call.effects.append(do.StartPlay(call.next_id("f"), KEYS, 1, True, leg.leg_id))


def key(call: Call, leg: Leg, digit: str) -> None:
    """A supervisor at a plain telephone changes the mode by a key."""
    watch, mode = call.watches.get(leg.leg_id), MODES.get(digit)
    if watch is not None and mode is not None and watch.started:
        _change(call, watch, mode)


def end(call: Call, leg: Leg, actor: str) -> None:
    """Accepted also when it is over already."""
    watch = _of(call, leg.agent_id, actor)
    if watch is not None:
        call.end_watch(watch, Reason.NORMAL)


def _change(call: Call, watch: Watch, mode: Supervision) -> None:
    if watch.mode is not mode:
        watch.mode = mode
        if watch.started:
            call.append(SupervisionChanged(leg_id=watch.leg_id, mode=mode))


def _of(call: Call, agent_id: str, actor: str) -> Watch | None:
    return next((w for w in call.watches.values() if w.agent_id == agent_id and w.supervisor == actor), None)
