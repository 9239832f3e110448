"""Random lives of a call: whatever is commanded and whatever happens, what must never be is not."""

import contextlib
from collections.abc import Callable
from copy import deepcopy
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callstream.contracts.call_events import LegEnded, LegStarted, PlaybackFinished, TransferStarted
from callstream.contracts.config import CollectTemplate, Survey
from callstream.contracts.control_events import (
    AgentWanted,
    CollectionStarted,
    ConsultEnded,
    ConsultStarted,
    DigitsCollected,
    FlowLeft,
    FlowStarted,
    PlaybackStarted,
    SupervisionEnded,
    SupervisionStarted,
)
from callstream.contracts.states import LegRole, Purpose, Supervision
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs as on
from callstream_media_gateway.domain import orders
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.heard import heard
from callstream_media_gateway.domain.on_control import DO
from callstream_media_gateway.domain.parties import LegStage
from callstream_media_gateway.domain.situation import view

from . import story
from .story import CUSTOMER, MENU, OUTSIDE, Story

AGENTS = ("1001", "1002", "1003")
agents = st.sampled_from(AGENTS)


BEGINNINGS: list[Callable[[], Story]] = [
    story.talking,
    story.agent_called,
    story.dialled,
    partial(story.dialled, Purpose.INTERNAL, "1002"),
    partial(story.dialled, calls=True),
    partial(story.dialled, Purpose.INTERNAL, "1002", calls=True),
    story.outbound_talk,
    story.consulting,
    story.line_rings,
    story.on_two_lines,
    story.conference,
]
"""A life of its own seldom comes as far as the last ones."""


class Life(RuleBasedStateMachine):
    """A call, and a world that may do anything at any time."""

    told: Story

    @initialize(begin=st.sampled_from(BEGINNINGS))
    def begin(self, begin: Callable[[], Story]) -> None:
        self.offers = self.lines = 0
        self.referring: set[str] = set()
        """Legs whose phones wait to hear of their transfer."""
        self.told = begin()

    def _give(self, given: on.Input) -> None:
        before = deepcopy(self.told.call)
        try:
            self._check(self.told.step(given))
        except Refusal:
            before.now, before.cause = self.told.call.now, self.told.call.cause
            assert self.told.call == before, "a refusal has changed the call"

    def _check(self, effects: list[do.Effect]) -> None:
        """A phone is told once what comes of its transfer, and before its BYE."""
        for effect in effects:
            if isinstance(effect, do.AnswerRefer):
                assert effect.leg_id in self.referring
                self.referring.discard(effect.leg_id)
            elif isinstance(effect, do.HangUpLeg):
                assert effect.leg_id not in self.referring

    def _legs(self, stage: LegStage) -> list[str]:
        return [leg.leg_id for leg in self.told.call.legs.values() if leg.stage is stage]

    @rule(control=st.sampled_from(list(DO)), agent=agents, boss=st.booleans())
    def command(self, control: Control, agent: str, boss: bool) -> None:
        self._give(orders.Controlled(control=control, agent_id=agent, actor="boss" if boss else agent))

    @rule(agent=agents, whom=agents)
    def ask_agent(self, agent: str, whom: str) -> None:
        self._give(orders.AskAgent(agent_id=agent, actor=agent, target_agent_id=whom))

    @rule(agent=agents)
    def ask_outside(self, agent: str) -> None:
        self._give(orders.AskOutside(agent_id=agent, actor=agent, number=OUTSIDE))

    @rule(agent=agents, whom=agents, outside=st.booleans())
    def phone_asks(self, agent: str, whom: str, outside: bool) -> None:
        self.lines += 1
        line = f"line-{self.lines}"
        if outside:
            self._give(orders.AskOutside(agent_id=agent, actor=agent, number=OUTSIDE, own_leg=line))
        else:
            self._give(orders.AskAgent(agent_id=agent, actor=agent, target_agent_id=whom, own_leg=line))

    @rule(which=st.integers(0, 9), other=st.integers(0, 9), blind=st.booleans(), done=st.booleans())
    def phone_refers(self, which: int, other: int, blind: bool, done: bool) -> None:
        legs = [leg for leg in self._legs(LegStage.OPEN) if leg not in self.referring]
        if not legs:
            return
        leg_id = legs[which % len(legs)]
        self.referring.add(leg_id)
        self._give(on.PhoneRefers(leg_id=leg_id, typed="1003", other=None if blind else legs[other % len(legs)]))
        if leg_id not in self.referring:
            return
        agent_id = self.told.call.legs[leg_id].agent_id
        if done:
            self.transfer(agent_id, "1003", False)
        if leg_id in self.referring:
            self._give(on.MenuRefused(agent_id=agent_id, sip_status=403))
        assert leg_id not in self.referring

    @rule()
    def phone_gives_up(self) -> None:
        """Before its leg has its media."""
        for leg in list(self.told.call.legs.values()):
            if leg.calls and leg.stage is LegStage.OPENING:
                self._give(on.HungUp(leg_id=leg.leg_id))

    @rule(agent=agents, whom=agents, outside=st.booleans())
    def transfer(self, agent: str, whom: str, outside: bool) -> None:
        if outside:
            self._give(orders.HandOut(agent_id=agent, actor=agent, number=OUTSIDE, prompts=MENU))
        else:
            self._give(orders.HandOver(agent_id=agent, actor=agent, target_agent_id=whom, prompts=MENU))

    @rule(agent=agents, mode=st.sampled_from(list(Supervision)))
    def supervise(self, agent: str, mode: Supervision) -> None:
        self._give(orders.Supervise(agent_id=agent, actor="boss", mode=mode, supervisor_agent_id="1009"))

    @rule(which=st.integers(0, 9), agent=agents, beep=st.booleans())
    def offer(self, which: int, agent: str, beep: bool) -> None:
        asked = [e.request_id for e in self.told.events if isinstance(e, AgentWanted | TransferStarted)]
        if asked:
            self.offers += 1
            self._give(
                on.Offered(offer_id=f"o{self.offers}", request_id=asked[which % len(asked)], agent_id=agent, auto_answer=beep)
            )

    @rule(which=st.integers(0, 9))
    def nobody(self, which: int) -> None:
        asked = [e.request_id for e in self.told.events if isinstance(e, AgentWanted | TransferStarted)]
        if asked:
            self._give(on.RequestLeft(request_id=asked[which % len(asked)], reason=Reason.RING_TIMEOUT))

    @rule(which=st.integers(0, 9))
    def opened(self, which: int) -> None:
        legs = self._legs(LegStage.OPENING)
        if legs:
            self._give(on.LegOpened(leg_id=legs[which % len(legs)]))

    @rule(which=st.integers(0, 9))
    def closed(self, which: int) -> None:
        legs = self._legs(LegStage.CLOSING)
        if legs:
            self._give(on.LegClosed(leg_id=legs[which % len(legs)]))

    @rule(which=st.integers(0, 9), what=st.integers(0, 6))
    def phone(self, which: int, what: int) -> None:
        legs = self._legs(LegStage.OPEN)
        if not legs:
            return
        leg = self.told.call.legs[legs[which % len(legs)]]
        if leg.role is LegRole.CUSTOMER and leg.answered and what == 3:
            return
        leg_id = leg.leg_id
        self._give(
            (
                on.PhoneRings(leg_id=leg_id, early=which % 2 == 0),
                on.PhoneAnswered(leg_id=leg_id),
                on.PhoneAnswered(leg_id=leg_id),
                on.PhoneRefused(leg_id=leg_id, sip_status=486),
                on.PhoneHeld(leg_id=leg_id),
                on.PhoneRetrieved(leg_id=leg_id),
                on.Silent(leg_id=leg_id),
            )[what]
        )

    @rule(which=st.integers(0, 9), lost=st.booleans())
    def hung_up(self, which: int, lost: bool) -> None:
        legs = [leg for leg in self._legs(LegStage.OPEN) if leg != CUSTOMER]
        if legs:
            self._give(on.HungUp(leg_id=legs[which % len(legs)], lost=lost))

    @rule(which=st.integers(0, 9))
    def time_passes(self, which: int) -> None:
        names = sorted(self.told.timers)
        if names:
            self.told.wait(names[which % len(names)])

    @rule(which=st.integers(0, 9), digit=st.sampled_from("123*#"), info=st.booleans())
    def key(self, which: int, digit: str, info: bool) -> None:
        legs = self._legs(LegStage.OPEN)
        if legs:
            method = "info" if info else "rfc4733"
            self._give(on.KeyPressed(leg_id=legs[which % len(legs)], digit=digit, method=method))

    @rule(agent=agents, sensitive=st.booleans(), number=st.integers(0, 99))
    def collect(self, agent: str, sensitive: bool, number: int) -> None:
        template = CollectTemplate(id="t", name="t", max_digits=3, prompts=MENU, sensitive=sensitive)
        self._give(orders.Collect(agent_id=agent, actor=agent, collection_id=f"c{number}", template=template))

    @rule(agent=agents, number=st.integers(0, 99))
    def play(self, agent: str, number: int) -> None:
        self._give(orders.PlayTo(agent_id=agent, actor="boss", play_id=f"p{number}", prompts=MENU))

    @rule(agent=agents)
    def survey(self, agent: str) -> None:
        self._give(orders.AskRating(agent_id=agent, actor=agent, survey=Survey(prompts=MENU, closing=MENU)))

    @rule(agent=agents)
    def run_flow(self, agent: str) -> None:
        self._give(orders.RunFlow(agent_id=agent, actor=agent, flow_id="confirm", flow_version=1))

    @rule(number=st.integers(0, 99))
    def flow_plays(self, number: int) -> None:
        self._give(on.Play(play_id=f"f{number}", prompts=MENU, repeat=1, barge_in=True))

    @rule()
    def flow_ends(self) -> None:
        run = self.told.call.run
        if run is not None:
            self._give(on.FlowOver(run_id=run.run_id, reason=Reason.FLOW_ENDED, node_id="end"))

    @rule(how=st.sampled_from(["completed", "interrupted", "failed"]))
    def play_ends(self, how: str) -> None:
        play = self.told.call.play
        if play is not None and play.started:
            self._give(on.PlayEnded(play_id=play.play_id, how=how))

    @rule()
    def logged(self) -> None:
        for offer_id in list(self.told.call.offers):
            self._give(on.AnswerLogged(offer_id=offer_id))

    @rule()
    def tunes_end(self) -> None:
        for tune in list(self.told.tunes.values()):
            self._give(on.PlayEnded(play_id=tune.play_id, how="completed"))
            self.told.tunes.pop(tune.leg_id, None)

    @precondition(lambda self: len(self.told.events) > 30)
    @rule()
    def customer_goes(self) -> None:
        self._give(on.HungUp(leg_id=CUSTOMER))

    # what must always be so

    @invariant()
    def the_worker_has_what_should_be_heard(self) -> None:
        assert self.told.mixed == heard(self.told.call)

    @invariant()
    def nobody_hears_who_is_muted_held_or_silent(self) -> None:
        call = self.told.call
        for edge in self.told.mixed:
            listener, source = call.legs[edge.listener], call.legs[edge.source]
            assert listener.stage is LegStage.OPEN
            assert source.stage is LegStage.OPEN
            assert not source.muted
            assert not listener.held
            assert not source.held
            assert listener.leg_id != source.leg_id
            if source.role is LegRole.SUPERVISOR:
                mode = call.watches[source.leg_id].mode
                assert mode is not Supervision.LISTEN
                watched = call.watches[source.leg_id]
                assert mode is Supervision.BARGE or listener.leg_id == watched.agent_leg or listener.agent_id == watched.agent_id

    @invariant()
    def who_is_held_hears_music_and_who_talks_does_not(self) -> None:
        listeners = {edge.listener for edge in self.told.mixed}
        assert not listeners & set(self.told.tunes)

    @invariant()
    def a_second_leg_belongs_to_a_consultation(self) -> None:
        call = self.told.call
        second = [leg.leg_id for leg in call.legs.values() if leg.second and leg.stage is not LegStage.CLOSING]
        assert second == ([call.consult.own_leg] if call.consult is not None and call.consult.own_leg else [])
        assert not set(second) & set(call.talk)

    @invariant()
    def nobody_hears_secret_keys(self) -> None:
        asked = self.told.call.collection
        assert self.told.masked == (asked is not None and asked.template.sensitive)

    @invariant()
    def the_view_can_be_shown(self) -> None:
        for agent in AGENTS:
            view(self.told.call, agent)

    def teardown(self) -> None:
        if not hasattr(self, "told"):
            return
        call = self.told.call
        with contextlib.suppress(Refusal):
            self._check(self.told.step(on.HangUp(reason=Reason.NORMAL, party=Party.SYSTEM)))
        for leg_id in list(call.legs):
            self.told.step(on.LegClosed(leg_id=leg_id))
        assert call.legs == {}
        assert self.referring == set()
        assert self.told.mixed == set()
        assert self.told.names[-1] == "ended"
        self._paired(LegStarted, LegEnded, "leg_id")
        self._paired(ConsultStarted, ConsultEnded, "consult_id")
        self._paired(FlowStarted, FlowLeft, "run_id")
        self._paired(CollectionStarted, DigitsCollected, "collection_id")
        self._paired(PlaybackStarted, PlaybackFinished, "play_id")
        assert (call.timers, self.told.timers) == ({}, {})
        self._paired(SupervisionStarted, SupervisionEnded, "leg_id")
        records = self.told.names.count("recording-started")
        assert records == call.recording_count

    def _paired(self, begin: type, end: type, key: str) -> None:
        """Whatever began has ended, once."""
        begun = [getattr(e, key) for e in self.told.events if isinstance(e, begin)]
        ended = [getattr(e, key) for e in self.told.events if isinstance(e, end)]
        assert len(set(begun)) == len(begun)
        assert set(begun) <= set(ended)
        assert len(set(ended)) == len(ended)


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
