"""A call told step by step: what happens, and what the call wants done then."""

from datetime import UTC, datetime, timedelta
from typing import Any

from callstream.contracts.call_events import CallArrived, CallDialled
from callstream.contracts.config import Audio
from callstream.contracts.envelope import Event
from callstream.contracts.states import Purpose
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain.call import Call
from callstream_media_gateway.domain.decide import begin, begin_dialled, decide

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
CUSTOMER, AGENT = "call-c", "offer-leg"
MENU, CONNECT = (Audio(audio_id="menu"),), (Audio(audio_id="connect"),)
RECORDING = "call-r1"
OFFERED = on.Offered(offer_id="offer", request_id="request", agent_id="1001")


def both(one: str, other: str) -> tuple[do.Edge, ...]:
    """Each hears the other."""
    return tuple(sorted((do.Edge(one, other), do.Edge(other, one))))


class Story:
    """One call and all that it has appended so far."""

    def __init__(self, dialled: CallDialled | None = None) -> None:
        self.now = START
        self.told: list[do.Append] = []
        arrived = CallArrived(caller="+8613800138000", called="+862166668888", trunk="t", gateway="gw", leg_id=CUSTOMER)
        self.call: Call
        if dialled is not None:
            self.call, effects = begin_dialled("call", "acme", dialled, self.now, "command")
        else:
            self.call, effects = begin("call", "acme", arrived, self.now)
        self.began = self._keep(effects)

    def step(self, given: on.Input, after_s: float = 0.0) -> list[do.Effect]:
        """Let it happen; the effects other than appends."""
        self.now += timedelta(seconds=after_s)
        return self._keep(decide(self.call, given, self.now))

    def steps(self, *several: on.Input) -> "Story":
        """Let several things happen."""
        for given in several:
            self.step(given)
        return self

    @property
    def events(self) -> list[Event]:
        return [append.fact for append in self.told]

    @property
    def names(self) -> list[str]:
        return [append.fact.NAME for append in self.told]

    def new(self, before: int) -> list[str]:
        """Names of what was appended since there were `before` events."""
        return self.names[before:]

    def last(self, kind: type[Event]) -> Any:
        return [fact for fact in self.events if isinstance(fact, kind)][-1]

    def _keep(self, effects: list[do.Effect]) -> list[do.Effect]:
        self.told += [effect for effect in effects if isinstance(effect, do.Append)]
        return [effect for effect in effects if not isinstance(effect, do.Append)]


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


def dialled(purpose: Purpose = Purpose.OUTBOUND, callee: str = "+8613900000001") -> Story:
    """Agent 1001 dials; their own phone is invited."""
    begun = CallDialled(
        agent_id="1001",
        callee=callee,
        caller="" if purpose is Purpose.INTERNAL else "+862166668888",
        gateway="gw",
        purpose=purpose,
        leg_id="" if purpose is Purpose.INTERNAL else CUSTOMER,
        agent_leg_id=OWN,
    )
    return Story(begun).steps(on.ArrivalStored(), on.LegOpened(leg_id=OWN))


def own_phone_answered() -> Story:
    return dialled().steps(on.PhoneRings(leg_id=OWN), on.PhoneAnswered(leg_id=OWN))


def callee_rings() -> Story:
    return own_phone_answered().steps(on.LegOpened(leg_id=CUSTOMER), on.PhoneRings(leg_id=CUSTOMER))


def outbound_talk() -> Story:
    return callee_rings().steps(on.PhoneAnswered(leg_id=CUSTOMER))
