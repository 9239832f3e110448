"""A log in miniature: tells the roster events, decides, and tells it what was decided, as the running service does."""

from collections.abc import Callable, Sequence
from typing import Any

from callstream.contracts import call_events as call
from callstream.contracts import queue_events as queue
from callstream.contracts.agent_events import AgentStateChanged
from callstream.contracts.call_commands import SeizeAgent
from callstream.contracts.commands import (
    CallTruth,
    EndWrapUp,
    ForceOffline,
    Heartbeat,
    LegTruth,
    ReleaseAgent,
    ReserveAgent,
    SetState,
    SignIn,
    SignOut,
)
from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.config import Settings
from callstream.contracts.control_events import LegAnswered
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.states import AgentState, Channel, LegRole, Purpose
from callstream.kernel.clock import ManualClock
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream_agent_state.app.new_events import new_events
from callstream_agent_state.app.sessions import Sessions
from callstream_agent_state.domain import choose, reserve
from callstream_agent_state.domain.agent import Agent
from callstream_agent_state.domain.calls import closing
from callstream_agent_state.domain.change import Change
from callstream_agent_state.domain.follow import follow
from callstream_agent_state.domain.presence import watch
from callstream_agent_state.domain.roster import Roster
from callstream_agent_state.domain.truth import LOST_AFTER, OF_CALL, Kind, Mismatch, Standing, compare, lost, mend

TENANT = "acme"


class Story:
    """Agent 1005 and their calls. `told` is the whole log."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.clock = ManualClock()
        self.roster = Roster()
        self.told: list[Recorded] = []
        self.document: AgentDocument | None = None
        self.sessions = Sessions(self.clock.now())
        self.standing, self.silent_since = Standing(), self.clock.now()
        self.mended: list[Kind] = []
        self.deaf: set[str] = set()
        """Names of events that the service loses: dead letters."""
        self.paused = False
        """True: nothing is decided by itself, as while the service is down."""

    # the log

    def tell(self, fact: Event, of: str, causation_id: str = "", event_id: str = "") -> Recorded:
        """Append an event of aggregate `of` and let the service react."""
        recorded = Recorded(
            seq=len(self.told) + 1,
            id=event_id or f"e{len(self.told) + 1}",
            tenant=TENANT,
            aggregate=fact.AGGREGATE,
            aggregate_id=of,
            time=self.clock.now(),
            event=fact,
            causation_id=causation_id,
        )
        self.told.append(recorded)
        if fact.NAME not in self.deaf:
            self.roster.evolve(recorded)
        self.react()
        return recorded

    def react(self) -> None:
        """Give every agent what is missing, until nothing is."""
        while not self.paused:
            keys = dict.fromkeys((*self.roster.take_changed(), *self.roster.timers.due(self.clock.now())))
            changes = [(agent, self._due(agent)) for agent in map(self._agent, keys)]
            due = [(agent, change) for agent, change in changes if change is not None]
            if not due:
                return
            for agent, change in due:
                self._append(agent, change)

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.react()

    def _due(self, agent: Agent) -> Change | None:
        now = self.clock.now()
        change = follow(agent, self.settings, now)
        if change is None and agent.session_id:
            heard = self.sessions.heard(agent.key, agent.session_id)
            change = watch(agent, self.settings, self.document, now, heard, self.sessions.since)
        return change

    def seconds(self, number: int, beats: str = "", truth: Sequence[CallTruth] | None = ()) -> None:
        """Seconds pass one by one, as the running service looks at sessions and at gateway `gw`.

        `beats`: a session that is heard each second. `truth`: what the gateway says it holds; None: it does not answer.
        """
        for _ in range(number):
            self.clock.advance(1)
            self.sessions.look(self.clock.now(), active=True)
            if beats:
                self.heartbeat(beats)
            self.roster.look_at(self.sessions.due(self.roster.agents.values(), self._grace, self.clock.now()))
            self.react()
            if truth != ():
                self.look_at_gateway(truth)

    def _grace(self, _: str) -> int:
        return self.settings.session_grace_s

    def look_at_gateway(self, truth: Sequence[CallTruth] | None) -> None:
        """As app/reconcile.py does it."""
        now = self.clock.now()
        due: list[Mismatch] = []
        if truth is not None:
            self.silent_since = now
            due = self.standing.confirmed(compare(self.roster, "gw", truth), now)
        elif now - self.silent_since >= LOST_AFTER:
            due = lost(self.roster, "gw")
        for mismatch in due:
            if mismatch.kind in OF_CALL:
                self.mended.append(mismatch.kind)
                _, fact = closing(self.roster.calls.calls[mismatch.tenant, mismatch.call_id])
                self.tell(fact, mismatch.call_id)
            elif mismatch.kind is Kind.STRAY_OFFER:
                self.mended.append(mismatch.kind)
            else:
                agent = self.roster.agent(mismatch.tenant, mismatch.agent_id)
                change = mend(agent, mismatch, self.settings, now)
                if change is not None:
                    self.mended.append(mismatch.kind)
                    self._append(agent, change)

    def restarted(self) -> "Story":
        """The service killed and started again: a new state from the same log."""
        again = Story(self.settings)
        again.clock, again.document = self.clock, self.document
        again.sessions = Sessions(self.clock.now())
        again.told = list(self.told)
        for recorded in self.told:
            again.roster.evolve(recorded)
        again.react()
        return again

    def _agent(self, key: tuple[str, str]) -> Agent:
        return self.roster.agent(*key)

    def _append(self, agent: Agent, change: Change) -> None:
        known = {recorded.id for recorded in self.told}
        events: Sequence[NewEvent] = new_events(agent, change, self.clock.now())
        assert not known & {new.id for new in events}, "a decision was taken twice"
        paused, self.paused = self.paused, True
        for new in events:
            self.tell(new.event, new.aggregate_id, new.causation_id, new.id)
        self.paused = paused
        self.react()

    # commands

    def command(self, decide: Callable[[Agent], Change | None], agent_id: str = "1005") -> bool:
        """Carry a command out; whether it changed anything. Raises Refusal."""
        agent = self.roster.agent(TENANT, agent_id)
        change = decide(agent)
        if change is not None:
            self._append(agent, change)
        return change is not None

    def sign_in(self, agent_id: str = "1005", session: str = "", terminal: str = "", extension: str = "") -> bool:
        asked = SignIn(
            command_id=self._id(),
            agent_id=agent_id,
            actor=agent_id,
            session_id=session,
            terminal=terminal,
            extension=extension,
        )
        choose.check_extension(agent_id, extension, self.roster.of_tenant(TENANT))
        return self.command(lambda agent: choose.sign_in(agent, asked, self.settings, self.document), agent_id)

    def heartbeat(self, session: str) -> None:
        choose.heard(self.agent, Heartbeat(command_id=self._id(), agent_id="1005", session_id=session))
        self.sessions.beat(self.agent.key, session, self.clock.now())

    def force_offline(self, actor: str = "boss") -> bool:
        asked = ForceOffline(command_id=self._id(), agent_id="1005", actor=actor)
        return self.command(lambda agent: choose.force_offline(agent, asked))

    def sign_out(self, actor: str = "1005", session: str = "") -> bool:
        asked = SignOut(command_id=self._id(), agent_id="1005", actor=actor, session_id=session)
        return self.command(lambda agent: choose.sign_out(agent, asked))

    def set_state(self, state: str, reason: str = "", session: str = "", by: str = "") -> bool:
        """`by`: a supervisor forces it."""
        asked = SetState(
            command_id=self._id(),
            agent_id="1005",
            actor=by or "1005",
            state=AgentState(state),
            reason=reason,
            session_id=session,
            forced=bool(by),
        )
        return self.command(lambda agent: choose.set_state(agent, asked, self.settings))

    def end_wrap_up(self, session: str = "") -> bool:
        asked = EndWrapUp(command_id=self._id(), agent_id="1005", actor="1005", session_id=session)
        return self.command(lambda agent: choose.end_wrap_up(agent, asked))

    def reserve(self, offer: str = "o1", call_id: str = "c1", agent_id: str = "1005", channel: str = "voice") -> bool:
        asked = ReserveAgent(
            command_id=self._id(),
            agent_id=agent_id,
            offer_id=offer,
            request_id=f"r-{call_id}",
            call_id=call_id,
            channel=Channel(channel),
        )
        return self.command(lambda agent: reserve.reserve(agent, asked, self.settings, self.document, self.clock.now()), agent_id)

    def release(self, offer: str = "o1") -> bool:
        asked = ReleaseAgent(command_id=self._id(), agent_id="1005", offer_id=offer)
        return self.command(lambda agent: reserve.release(agent, asked, self.settings))

    def seize(self, call_id: str = "d1", purpose: str = "outbound", agent_id: str = "1005") -> bool:
        asked = SeizeAgent(command_id=self._id(), agent_id=agent_id, call_id=call_id, purpose=Purpose(purpose), actor=agent_id)
        return self.command(lambda agent: reserve.seize(agent, asked, self.document, self.clock.now()), agent_id)

    def _id(self) -> str:
        return f"cmd{len(self.told)}"

    # what others tell

    def offer_made(self, offer: str = "o1", call_id: str = "c1", agent_id: str = "1005") -> None:
        decision = queue.Decision(
            rule="longest-idle", rule_version=1, group_id="g", waited_ms=0, ahead=0, eligible=1, candidates=()
        )
        fact = queue.OfferMade(
            offer_id=offer, call_id=call_id, gateway="gw", agent_id=agent_id, ring_deadline=self.clock.now(), decision=decision
        )
        self.tell(fact, f"r-{call_id}")

    def withdrawn(self, reason: str = "ring-timeout", offer: str = "o1", call_id: str = "c1") -> None:
        fact = queue.OfferWithdrawn(offer_id=offer, call_id=call_id, agent_id="1005", reason=Reason(reason))
        self.tell(fact, f"r-{call_id}")

    def left(self, outcome: str = "abandoned", call_id: str = "c1", agent_id: str = "") -> None:
        fact = queue.ContactLeft(
            call_id=call_id, outcome=RequestOutcome(outcome), reason=Reason.NORMAL, waited_ms=0, agent_id=agent_id
        )
        self.tell(fact, f"r-{call_id}")

    def answered(self, offer: str = "o1", call_id: str = "c1", agent_id: str = "1005") -> None:
        fact = call.OfferAnswered(offer_id=offer, request_id=f"r-{call_id}", agent_id=agent_id, leg_id=f"leg-{offer}")
        self.tell(fact, call_id)

    def arrived(self, call_id: str = "c1") -> None:
        fact = call.CallArrived(caller="+861", called="+862", trunk="t", gateway="gw", leg_id=f"customer-{call_id}")
        self.tell(fact, call_id)

    def dialled(self, call_id: str = "d1", agent_id: str = "1005") -> None:
        fact = call.CallDialled(
            agent_id=agent_id,
            callee="+863",
            caller="+862",
            gateway="gw",
            leg_id=f"customer-{call_id}",
            agent_leg_id=f"own-{call_id}",
        )
        self.tell(fact, call_id)

    def called_back(self, call_id: str = "b1", offer: str = "o1", agent_id: str = "1005") -> None:
        """The call of a callback has begun; its offer, if it comes, rings the agent."""
        fact = call.CallDialled(
            agent_id=agent_id,
            callee="+863",
            caller="+862",
            gateway="gw",
            purpose=Purpose.CALLBACK,
            leg_id=f"customer-{call_id}",
            agent_leg_id=f"leg-{offer}",
            request_id=f"r-{call_id}",
        )
        self.tell(fact, call_id)

    def reached(self, call_id: str = "d1") -> None:
        """The dialled customer picks up."""
        self.tell(LegAnswered(leg_id=f"customer-{call_id}", role=LegRole.CUSTOMER, number="+863"), call_id)

    def picked_up(self, call_id: str = "d1") -> None:
        """The dialling agent picks their own phone up."""
        self.tell(LegAnswered(leg_id=f"own-{call_id}", role=LegRole.AGENT, agent_id="1005"), call_id)

    def over(self, call_id: str = "c1") -> None:
        """The call ends with the agent's leg in it."""
        known = self.roster.calls.calls.get(("acme", call_id))
        legs = tuple(
            call.LegEnded(
                leg_id=leg_id, role=leg.role, reason=Reason.CALLER_HUNG_UP, agent_id=leg.agent_id, offer_id=leg.offer_id
            )
            for leg_id, leg in (known.legs.items() if known is not None else ())
        )
        assert any(leg.agent_id == "1005" for leg in legs)
        self.tell(call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER, legs=legs), call_id)

    def own_leg_ended(self, call_id: str = "d1", role: str = "agent") -> None:
        fact = call.LegEnded(leg_id=f"own-{call_id}", role=LegRole(role), reason=Reason.NORMAL, agent_id="1005")
        self.tell(fact, call_id)

    def listens(self, call_id: str = "c1") -> None:
        """A supervisor's phone is rung."""
        self.tell(call.LegStarted(leg_id=f"own-{call_id}", role=LegRole.SUPERVISOR, agent_id="1005"), call_id)

    def leg_started(self, offer: str = "o1", call_id: str = "c1") -> None:
        fact = call.LegStarted(leg_id=f"leg-{offer}", role=LegRole.AGENT, offer_id=offer, agent_id="1005")
        self.tell(call.LegRinging(leg_id=fact.leg_id, started=fact), call_id)

    def leg_ended(self, offer: str = "o1", call_id: str = "c1") -> None:
        fact = call.LegEnded(leg_id=f"leg-{offer}", role=LegRole.AGENT, reason=Reason.NORMAL, agent_id="1005", offer_id=offer)
        self.tell(fact, call_id)

    def call_ended(self, call_id: str = "c1") -> None:
        self.tell(call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER), call_id)

    def ring(self, offer: str = "o1", call_id: str = "c1") -> None:
        """Reserved and offered."""
        self.reserve(offer, call_id)
        self.offer_made(offer, call_id)

    def talk(self, offer: str = "o1", call_id: str = "c1") -> None:
        """Reserved, offered and answered."""
        self.ring(offer, call_id)
        self.answered(offer, call_id)

    # what is to be seen

    @property
    def agent(self) -> Agent:
        return self.roster.agent(TENANT, "1005")

    @property
    def state(self) -> str:
        return self.agent.state.value

    def changes(self, agent_id: str = "1005") -> list[AgentStateChanged]:
        """All changes of state so far."""
        return [r.event for r in self.told if isinstance(r.event, AgentStateChanged) and r.aggregate_id == agent_id]

    def last(self) -> AgentStateChanged:
        return self.changes()[-1]

    def path(self) -> list[str]:
        """The states so far."""
        return [change.state.value for change in self.changes()]

    def events(self) -> list[str]:
        """The agent's own events so far, by name."""
        return [recorded.event.NAME for recorded in self.told if recorded.aggregate == "agent"]


def do(story: Story, steps: Sequence[tuple[Any, ...]]) -> None:
    """Play steps: (method, arguments …)."""
    for name, *arguments in steps:
        getattr(story, name)(*arguments)


def holds(call_id: str = "c1", offer: str = "", *, answered: bool = False, agent_id: str = "1005") -> CallTruth:
    """What a gateway says: a call, and the leg of an offer if one is named."""
    legs = [LegTruth(leg_id=f"customer-{call_id}", role=LegRole.CUSTOMER)]
    if offer:
        legs.append(LegTruth(leg_id=f"leg-{offer}", role=LegRole.AGENT, agent_id=agent_id, offer_id=offer, answered=answered))
    return CallTruth(tenant=TENANT, call_id=call_id, legs=tuple(legs))
