"""A call told step by step: what happens, and what the call wants done then."""

from datetime import UTC, datetime, timedelta
from typing import Any

from callstream.contracts.call_events import CallArrived, CallDialled
from callstream.contracts.config import Audio
from callstream.contracts.control_events import AgentWanted, ConsultStarted
from callstream.contracts.envelope import Event
from callstream.contracts.states import LegRole, Purpose, Supervision
from callstream.kernel.outcomes import Reason
from callstream.testing.apart import apart
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.decide import begin, begin_dialled, decide

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
CUSTOMER, AGENT, SECOND = "call-c", "offer-leg", "second-leg"
MENU, CONNECT = (Audio(audio_id="menu"),), (Audio(audio_id="connect"),)
RECORDING = "call-r1"
OFFERED = on.Offered(offer_id="offer", request_id="request", agent_id="1001")


def both(one: str, other: str) -> tuple[do.Edge, ...]:
    """Each hears the other."""
    return tuple(sorted((do.Edge(one, other), do.Edge(other, one))))


class Story:
    """One call and all that it has appended so far."""

    def __init__(self, dialled: CallDialled | None = None, *, calls: bool = False) -> None:
        self.now = START
        self.told: list[do.Append] = []
        self.mixed: set[do.Edge] = set()
        self.masked = False
        """Nobody hears the customer."""
        self.timers: dict[str, float] = {}
        """What the call waits for: name and seconds."""
        self.tunes: dict[str, do.StartTune] = {}
        """What the legs hear played, by leg."""
        arrived = CallArrived(caller="+8613800138000", called="+862166668888", trunk="t", gateway="gw", leg_id=CUSTOMER)
        self.call: Call
        if dialled is not None:
            self.call, effects = begin_dialled("call", "acme", dialled, self.now, "command", hops=69 if calls else None)
        else:
            self.call, effects = begin("call", "acme", arrived, self.now)
        self.began = self._keep(effects)

    def step(self, given: on.Input, after_s: float = 0.0) -> list[do.Effect]:
        """Let it happen; the effects other than appends."""
        self.now += timedelta(seconds=after_s)
        return self._keep(decide(self.call, given, self.now))

    def wait(self, name: str) -> list[do.Effect]:
        """Let a timer run out."""
        return self.step(on.TimeUp(name=name), after_s=self.timers.pop(name))

    def steps(self, *several: on.Input) -> "Story":
        """Let several things happen."""
        for given in several:
            self.step(given)
        return self

    @property
    def events(self) -> list[Event]:
        """Fact by fact; `told` has them as they are appended."""
        return [fact for append in self.told for fact in apart(append.fact)]

    @property
    def names(self) -> list[str]:
        return [fact.NAME for fact in self.events]

    def new(self, before: int) -> list[str]:
        """Names of what was appended since there were `before` events."""
        return self.names[before:]

    def last(self, kind: type[Event]) -> Any:
        return [fact for fact in self.events if isinstance(fact, kind)][-1]

    def _listen(self, effect: do.Effect) -> None:
        """As the media worker would."""
        if isinstance(effect, do.Mix):
            assert self.mixed >= set(effect.disconnect)
            assert not self.mixed & set(effect.connect)
            self.mixed = (self.mixed - set(effect.disconnect)) | set(effect.connect)
        elif isinstance(effect, do.CloseLeg):
            self.mixed = {edge for edge in self.mixed if effect.leg_id not in (edge.listener, edge.source)}
            self.tunes.pop(effect.leg_id, None)
            self.masked = self.masked and effect.leg_id != CUSTOMER
        elif isinstance(effect, do.MaskLeg):
            self.masked = effect.on
        elif isinstance(effect, do.StartTimer):
            self.timers[effect.name] = effect.after_s
        elif isinstance(effect, do.StopTimer):
            del self.timers[effect.name]
        elif isinstance(effect, do.StartTune):
            self.tunes[effect.leg_id] = effect
        elif isinstance(effect, do.StopPlay):
            self.tunes = {leg: tune for leg, tune in self.tunes.items() if tune.play_id != effect.play_id}

    def _keep(self, effects: list[do.Effect]) -> list[do.Effect]:
        self.told += [effect for effect in effects if isinstance(effect, do.Append)]
        for effect in effects:
            self._listen(effect)
        return [effect for effect in effects if not isinstance(effect, do.Append | do.StartTimer | do.StopTimer)]


def preparing() -> Story:
    return Story()


def ringing() -> Story:
    return preparing().steps(on.ArrivalStored(), on.LegOpened(leg_id=CUSTOMER))


def answering() -> Story:
    return ringing().steps(on.Answer())


def answered() -> Story:
    return answering().steps(on.CallerConfirmed())


def playing(play_id: str = "p1", *, barge_in: bool = True) -> Story:
    return answered().steps(on.Play(play_id=play_id, prompts=MENU, repeat=1, barge_in=barge_in))


def inviting() -> Story:
    """The agent's phone is invited; the customer hears queue music."""
    return playing("queue").steps(OFFERED, on.LegOpened(leg_id=AGENT))


def agent_rings() -> Story:
    return inviting().steps(on.PhoneRings(leg_id=AGENT))


def picked_up() -> Story:
    return agent_rings().steps(on.PhoneAnswered(leg_id=AGENT))


def talking() -> Story:
    return picked_up().steps(on.AnswerLogged(offer_id="offer"))


def ended() -> Story:
    return ringing().steps(on.CallerCancelled(), on.LegClosed(leg_id=CUSTOMER))


def withdrawn(reason: Reason = Reason.RING_TIMEOUT) -> on.Withdrawn:
    return on.Withdrawn(offer_id="offer", reason=reason)


# a call that an agent begins

OWN = "call-a"


def dialled(purpose: Purpose = Purpose.OUTBOUND, callee: str = "+8613900000001", *, calls: bool = False) -> Story:
    """Agent 1001 dials; their own phone is invited, unless it `calls` by itself."""
    begun = CallDialled(
        agent_id="1001",
        callee=callee,
        caller="" if purpose is Purpose.INTERNAL else "+862166668888",
        gateway="gw",
        purpose=purpose,
        leg_id="" if purpose is Purpose.INTERNAL else CUSTOMER,
        agent_leg_id=OWN,
    )
    return Story(begun, calls=calls).steps(on.ArrivalStored(), on.LegOpened(leg_id=OWN))


def own_phone_answered() -> Story:
    return dialled().steps(on.PhoneRings(leg_id=OWN), on.PhoneAnswered(leg_id=OWN))


def callee_rings() -> Story:
    return own_phone_answered().steps(on.LegOpened(leg_id=CUSTOMER), on.PhoneRings(leg_id=CUSTOMER))


def outbound_talk() -> Story:
    return callee_rings().steps(on.PhoneAnswered(leg_id=CUSTOMER))


# a callback


def called_back() -> Story:
    """Its call has begun, and its offer is on its way."""
    begun = CallDialled(
        agent_id="1001",
        callee="+8613900000001",
        caller="+862166668888",
        gateway="gw",
        purpose=Purpose.CALLBACK,
        leg_id=CUSTOMER,
        agent_leg_id=AGENT,
        request_id="request",
        callback_of="earlier",
    )
    return Story(begun).steps(on.ArrivalStored())


def agent_called() -> Story:
    return called_back().steps(OFFERED, on.LegOpened(leg_id=AGENT), on.PhoneRings(leg_id=AGENT))


def agent_has_it() -> Story:
    return agent_called().steps(on.PhoneAnswered(leg_id=AGENT), on.AnswerLogged(offer_id="offer"))


def customer_called() -> Story:
    return agent_has_it().steps(on.LegOpened(leg_id=CUSTOMER), on.PhoneRings(leg_id=CUSTOMER))


def callback_talk() -> Story:
    return customer_called().steps(on.PhoneAnswered(leg_id=CUSTOMER))


# call control

LISTEN = Supervision.LISTEN

WHO: dict[str, Any] = {"agent_id": "1001", "actor": "1001"}
OUTSIDE = "+8613700000001"


def do_it(control: Control, agent_id: str = "1001", actor: str = "") -> orders.Controlled:
    """One of the commands that say no more than what and who."""
    return orders.Controlled(control=control, agent_id=agent_id, actor=actor or agent_id)


def held() -> Story:
    return talking().steps(do_it(Control.HOLD))


def asking() -> Story:
    """1001 has asked for 1002, who is not rung yet."""
    return talking().steps(orders.AskAgent(**WHO, target_agent_id="1002"))


def target_rings() -> Story:
    told = asking()
    request = told.last(ConsultStarted).consult_id
    offered = on.Offered(offer_id="second", request_id=request, agent_id="1002")
    return told.steps(offered, on.LegOpened(leg_id=SECOND), on.PhoneRings(leg_id=SECOND))


def consulting() -> Story:
    return target_rings().steps(on.PhoneAnswered(leg_id=SECOND), on.AnswerLogged(offer_id="second"))


LINE = "call-line"
"""The agent's second leg."""


def line_rings() -> Story:
    """1001's phone has the customer on hold and calls 1002, who is rung."""
    ask = orders.AskAgent(**WHO, target_agent_id="1002", own_leg=LINE)
    told = talking().steps(on.PhoneHeld(leg_id=AGENT), ask, on.LegOpened(leg_id=LINE))
    offered = on.Offered(offer_id="second", request_id=told.last(ConsultStarted).consult_id, agent_id="1002")
    return told.steps(offered, on.LegOpened(leg_id=SECOND), on.PhoneRings(leg_id=SECOND))


def on_two_lines() -> Story:
    return line_rings().steps(on.PhoneAnswered(leg_id=SECOND), on.AnswerLogged(offer_id="second"))


def asking_outside() -> Story:
    return talking().steps(orders.AskOutside(**WHO, number=OUTSIDE))


def outside_leg(told: Story) -> str:
    return next(leg.leg_id for leg in told.call.legs.values() if leg.role is LegRole.EXTERNAL)


def consulting_outside() -> Story:
    told = asking_outside()
    leg = outside_leg(told)
    return told.steps(on.LegOpened(leg_id=leg), on.PhoneRings(leg_id=leg), on.PhoneAnswered(leg_id=leg))


def conference() -> Story:
    return consulting().steps(do_it(Control.JOIN))


def in_flow() -> Story:
    """The customer is in a flow."""
    return talking().steps(orders.RunFlow(**WHO, flow_id="confirm", flow_version=2))


def internal_talk() -> Story:
    told = dialled(Purpose.INTERNAL, "1002").steps(on.PhoneAnswered(leg_id=OWN))
    request = told.last(AgentWanted).request_id
    return told.steps(
        on.Offered(offer_id="second", request_id=request, agent_id="1002"),
        on.LegOpened(leg_id=SECOND),
        on.PhoneAnswered(leg_id=SECOND),
        on.AnswerLogged(offer_id="second"),
    )


def hears(told: Story) -> set[tuple[str, str]]:
    """(listener, source) as the media worker has been told."""
    return {(edge.listener, edge.source) for edge in told.mixed}


def all_of(*legs: str) -> set[tuple[str, str]]:
    """Everybody hears everybody."""
    return {(one, other) for one in legs for other in legs if one != other}
