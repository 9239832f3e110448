"""A call's surroundings under virtual time: a caller, a gateway and a queue that behave as their contracts say.

The ivr inside is the real domain. It can be killed behind any position of the log, with or without a pause, and is then
rebuilt from the log alone.
"""

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.commands import AnswerCall, Command, HangUpCall, PlayPrompts, StopPlayback, TakeMessage
from callstream.contracts.config import Audio, Prompt, Settings, Speech
from callstream.contracts.envelope import Event, Recorded
from callstream.contracts.flow import Flow
from callstream.contracts.lines import Number
from callstream.contracts.states import OutboundMemory
from callstream.kernel.clock import ManualClock
from callstream.kernel.outcomes import Party, Reason, RequestOutcome
from callstream.testing.apart import all_apart
from callstream_ivr.domain.decide import PlayRefusal, decide
from callstream_ivr.domain.graph import Graph
from callstream_ivr.domain.record import to_append
from callstream_ivr.domain.sessions import Sessions
from callstream_ivr.domain.wanted import wanted

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TENANT, CALL, CALLED, CALLER = "acme", "C", "+861055550100", "+8613800000001"
NO_DECISION = queue.Decision(rule="", rule_version=1, group_id="", waited_ms=0, ahead=0, eligible=0, candidates=())
GATEWAY_S = 0.01
"""What the gateway takes to carry a command out."""


def say(text: str) -> tuple[Speech]:
    """One spoken prompt: it lasts 2 s, or as many as its text begins with (`10 s of music`)."""
    return (Speech(text=text),)


class Published:
    """A catalogue of one number and one flow."""

    def __init__(self, flow: Graph | None, bound: bool, memory: str, settings: Settings) -> None:
        self.flow, self.bound, self._settings = flow, bound, settings
        self.memory = OutboundMemory(memory)

    def bound_to(self, tenant: str, called: str) -> Number | None:
        flow_id, version = (self.flow.flow_id, self.flow.version) if self.flow else ("gone", 1)
        number = Number(number=CALLED, flow_id=flow_id, flow_version=version, outbound_memory=self.memory)
        return number if self.bound and (tenant, called) == (TENANT, CALLED) else None

    def settings(self, _: str) -> Settings:
        return self._settings

    def graph(self, tenant: str, flow_id: str, version: int) -> Graph | None:
        known = self.flow is not None and (tenant, flow_id, version) == (TENANT, self.flow.flow_id, self.flow.version)
        return self.flow if known else None


class World:
    """One call. `script` lists (seconds, what happens): see `happen`."""

    def __init__(
        self,
        flow: Flow | None,
        script: Sequence[tuple[float, str]] = (),
        *,
        bound: bool = True,
        memory: str = "none",
        dialled_ago: timedelta | None = None,
        settings: Settings | None = None,
    ) -> None:
        """`memory` of the called number; an agent called this caller `dialled_ago`."""
        self.clock = ManualClock(T0)
        self.catalogue = Published(Graph(flow) if flow else None, bound, memory, settings or Settings())
        self.log: list[Recorded] = []
        self.heard: list[str] = []
        """Each playback that the caller heard begin, and how it ended."""
        self.commands: list[Command] = []
        self.kill_behind = 0
        self.down_s = 0.0
        self._down_until: datetime | None = None
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        self._done_commands: set[str] = set()
        self._playing: PlayPrompts | TakeMessage | None = None
        self._answered = self._over = False
        self._boot()
        if dialled_ago is not None:
            dialled = call.CallDialled(agent_id="1001", callee=CALLER, caller=CALLED, gateway="g1")
            self._store("OUT", dialled, "OUT", T0 - dialled_ago)
        self.at(0, self._arrive)
        for seconds, what in script:
            self.at(seconds, lambda what=what: self.happen(what))  # type: ignore[misc]

    # Time

    def at(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something that many seconds after the arrival."""
        self._push(T0 + timedelta(seconds=seconds), do)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something that many seconds from now."""
        self._push(self.clock.now() + timedelta(seconds=seconds), do)

    def run(self, until: float = 600) -> "World":
        """Let time pass until nothing is left to happen, or `until`."""
        end = T0 + timedelta(seconds=until)
        while True:
            due = None if self._down_until else self._sessions.next_due()
            moments = [moment for moment in (self._agenda[0][0] if self._agenda else None, due) if moment]
            if not moments or min(moments) > end:
                return self
            moment = max(min(moments), self.clock.now())
            self.clock.set(moment)
            if self._agenda and self._agenda[0][0] <= moment:
                heapq.heappop(self._agenda)[2]()
            self._react()

    def _push(self, moment: datetime, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (moment, self._count, do))

    # The log

    def append(self, event: Event, aggregate_id: str = CALL) -> None:
        """A fact of somebody else enters the log."""
        self._store(f"E{len(self.log) + 1}", event, aggregate_id, self.clock.now())

    def _store(self, event_id: str, event: Event, aggregate_id: str, time: datetime) -> None:
        recorded = Recorded(
            seq=len(self.log) + 1,
            id=event_id,
            tenant=TENANT,
            aggregate=event.AGGREGATE,
            aggregate_id=aggregate_id,
            time=time,
            event=event,
            correlation_id=CALL,
        )
        self.log.append(recorded)
        if self._down_until is not None:
            return
        if self.kill_behind == len(self.log):
            self._down_until = self.clock.now() + timedelta(seconds=self.down_s)
            if self.down_s:
                self.after(self.down_s, self._boot)
            else:
                self._boot()
            return
        self._sessions.evolve(recorded)

    # The ivr

    def _boot(self) -> None:
        """Start from nothing but the log."""
        self._down_until = None
        self._sessions = Sessions()
        self._sent = ""
        self._refusal: PlayRefusal | None = None
        for recorded in self.log:
            self._sessions.evolve(recorded)

    def _react(self) -> None:
        """As app/react.py does, with the append coming back at once."""
        while self._down_until is None:
            now = self.clock.now()
            self._sessions.call_due(now)
            if not self._sessions.changed:
                return
            session = self._sessions.get(CALL)
            if session is None:
                self._sessions.changed.clear()
                return
            event = decide(session, self.catalogue, now, self._refusal)
            if event is not None:
                new = to_append(session, event, now)
                self._store(new.id, new.event, CALL, new.time)
                continue
            self._sessions.changed.clear()
            command = wanted(session, self.catalogue)
            if command is not None and command.command_id != self._sent:
                self._sent = command.command_id
                self.commands.append(command)
                self.after(GATEWAY_S, lambda command=command: self._carry_out(command))  # type: ignore[misc]

    # The gateway

    def _arrive(self) -> None:
        self.append(call.CallArrived(caller=CALLER, called=CALLED, trunk="t", gateway="g1", leg_id="LEG"))

    def _carry_out(self, command: Command) -> None:
        if self._over or (command.command_id in self._done_commands and not isinstance(command, PlayPrompts)):
            return
        match command:
            case AnswerCall():
                self._answered = True
                self.append(call.CallAnswered())
            case PlayPrompts():
                self._play(command)
            case TakeMessage():
                self._take_message(command)
            case StopPlayback():
                self._finish(command.play_id, "stopped")
            case HangUpCall():
                self._end(command.reason, command.party)
        self._done_commands.add(command.command_id)

    def _play(self, play: PlayPrompts) -> None:
        assert self._answered, "nothing is played before the call is answered"
        if any(isinstance(prompt, Audio) and prompt.audio_id == "missing" for prompt in play.prompts):
            self._refusal = PlayRefusal(play_id=play.play_id, reason=Reason.INVALID, message="unknown audio 'missing'")
            self._sessions.changed[CALL] = None
            return
        if play.command_id in self._done_commands:
            return
        if self._playing is not None:
            self._finish(self._playing.play_id, "stopped")
        self._playing = play
        times = f" x{play.repeat}" if play.repeat > 1 else ""
        self.heard.append(" + ".join(words(prompt) for prompt in play.prompts) + times)
        seconds = sum(length(prompt) for prompt in play.prompts) * play.repeat
        self.after(seconds, lambda: self._finish(play.play_id, "completed"))

    def _take_message(self, message: TakeMessage) -> None:
        assert self._answered, "nobody speaks before the call is answered"
        if self._playing is not None:
            self._finish(self._playing.play_id, "stopped")
        self._playing = message
        self.heard.append(f"beep for {message.mailbox}")
        self.after(message.max_s, lambda: self._finish(message.play_id, "completed"))

    def _finish(self, play_id: str, how: str) -> None:
        if self._playing is None or self._playing.play_id != play_id or self._over:
            return
        self._playing = None
        self.append(call.PlaybackFinished(play_id=play_id, how=how))

    def _end(self, reason: Reason, party: Party) -> None:
        if not self._over:
            self._over, self._playing = True, None
            self.append(call.CallEnded(reason=reason, party=party))

    # What a script may say

    def happen(self, what: str) -> None:
        """`press 1`, `hang up`, `offer O1`, `withdraw O1`, `answer O1`, `queue failed`, `queue redirected callback`, …"""
        verb, _, rest = what.partition(" ")
        if self._over:
            return
        _VERBS[verb if verb != "hang" else what](self, rest)

    def _press(self, digit: str) -> None:
        playing = self._playing
        self.append(call.DigitReceived(digit=digit, leg_id="LEG", play_id=playing.play_id if playing else ""))
        if playing is not None and (digit == "#" if isinstance(playing, TakeMessage) else playing.barge_in):
            self._finish(playing.play_id, "interrupted")

    def _hang_up(self, _: str) -> None:
        self._end(Reason.CALLER_HUNG_UP, Party.CUSTOMER)

    def _offer(self, offer: str) -> None:
        deadline = self.clock.now() + timedelta(seconds=30)
        made = queue.OfferMade(
            offer_id=offer, call_id=CALL, gateway="g1", agent_id="1001", ring_deadline=deadline, decision=NO_DECISION
        )
        self.append(made, self.request)

    def _withdraw(self, offer: str) -> None:
        gone = queue.OfferWithdrawn(offer_id=offer, call_id=CALL, agent_id="1001", reason=Reason.RING_TIMEOUT)
        self.append(gone, self.request)

    def _pick_up(self, offer: str) -> None:
        self.append(call.OfferAnswered(offer_id=offer, request_id=self.request, agent_id="1001", leg_id="AGENT"))
        if self._playing is not None:
            self._finish(self._playing.play_id, "stopped")

    def _leave_queue(self, how: str) -> None:
        outcome, _, why = how.partition(" ")
        reason = Reason(why) if why else Reason.NO_AGENT_ONLINE
        left = queue.ContactLeft(call_id=CALL, outcome=RequestOutcome(outcome), reason=reason, waited_ms=0)
        self.append(left, self.request)

    @property
    def request(self) -> str:
        """Id of the newest request for an agent."""
        requests = [r.event.request_id for r in self.log if isinstance(r.event, ivr.AgentRequested)]
        return requests[-1] if requests else "none"

    # The story

    @property
    def story(self) -> list[str]:
        """The session's own events, one line each."""
        return [line for recorded in all_apart(self.log) if (line := tell(recorded.event))]

    @property
    def timed_story(self) -> list[str]:
        """The same with the seconds since the arrival."""
        return [
            f"{(recorded.time - T0).total_seconds():.1f} {line}"
            for recorded in all_apart(self.log)
            if (line := tell(recorded.event))
        ]

    @property
    def open_sessions(self) -> int:
        """Sessions that the ivr still holds."""
        return len(self._sessions)


_VERBS: dict[str, Callable[[World, str], None]] = {
    "press": World._press,
    "hang up": World._hang_up,
    "offer": World._offer,
    "withdraw": World._withdraw,
    "answer": World._pick_up,
    "queue": World._leave_queue,
}


def words(prompt: Prompt) -> str:
    """A prompt as the caller hears it."""
    return prompt.text if isinstance(prompt, Speech) else f"<{prompt.audio_id}>"


def length(prompt: Prompt) -> float:
    """Seconds that a prompt takes."""
    first = words(prompt).split()[0]
    return float(first) if first.replace(".", "").isdigit() else 2.0


def tell(event: Any) -> str:
    """One own event as a line of the story; empty for events of others."""
    match event:
        case ivr.IvrStarted():
            return f"start {event.flow_id}.{event.flow_version}"
        case ivr.NodeEntered():
            return f"enter {event.node_id}"
        case ivr.KeyPressed():
            return f"key {event.key}: {event.branch}" if event.branch else f"wrong key {event.key} ({event.errors})"
        case ivr.InputTimedOut():
            return f"no key ({event.errors})"
        case ivr.PromptStarted():
            return f"{event.purpose} round"
        case ivr.CallbackAsked():
            return f"call back {event.number}"
        case ivr.PromptFailed():
            return f"prompt failed: {event.reason}"
        case ivr.AgentRequested():
            patient = " patiently" if event.patient else ""
            return f"request agent {event.only_agent}{patient}" if event.only_agent else f"request {event.group_id}"
        case ivr.IvrEnded():
            return f"end: {event.reason}"
    return ""
