"""One call: the moves that several inputs share, over its facts. `decide.py` is the way in.

Pure: time is an argument, ids derive from the call's own. Each step leaves its effects in order.
"""

from datetime import timedelta

from msgspec.structs import replace

from callstream.contracts.call_events import CallEnded, LegEnded, LegStarted, PlaybackFinished
from callstream.contracts.control_events import ConsultEnded, SupervisionEnded
from callstream.contracts.envelope import Event
from callstream.contracts.states import LegRole
from callstream.kernel.outcomes import Party, Reason
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain.facts import BEFORE_ANSWER as BEFORE_ANSWER
from callstream_media_gateway.domain.facts import MESSAGE_TIMER, CallFacts, menu_timer, ring_timer
from callstream_media_gateway.domain.facts import OVER as OVER
from callstream_media_gateway.domain.facts import C as C
from callstream_media_gateway.domain.inputs import LegFigures
from callstream_media_gateway.domain.parties import (
    Leg,
    LegStage,
    Offer,
    Playback,
    Watch,
)
from callstream_media_gateway.domain.sip_status import status_for_phone, status_of
from callstream_media_gateway.domain.states import CUSTOMER, CustomerInput, OfferInput


class Call(CallFacts, omit_defaults=True):
    """A call of this gateway from its beginning to the last word about its recording."""

    def next_id(self, kind: str) -> str:
        """An id of the call's own."""
        self.leg_count += 1
        return f"{self.call_id}-{kind}{self.leg_count}"

    def append(self, fact: Event, key: str = "") -> None:
        """An event for the log, in order."""
        if self.superseded:
            return
        if not key:
            self.event_count += 1
            key = str(self.event_count)
        self.effects.append(do.Append(key, fact, self.now, self.cause))

    def move(self, given: CustomerInput) -> None:
        """Move the customer's leg; raises IllegalTransition."""
        self.customer = CUSTOMER.next_state(self.customer, given)

    def start_play(self, playback: Playback) -> None:
        """Replace what plays; held back until the customer has answered."""
        self.finish_play("stopped", replaced=True)
        self.play = playback
        if self.customer not in (C.ANSWER_WANTED, C.ANSWERING):
            self.release_play()

    def release_play(self) -> None:
        """Start the playback that waits for the answer, if one does."""
        play = self.play
        if play is not None and not play.started:
            play.started = True
            if play.message is not None:
                self.start_tune(self.legs[self.customer_leg], do.Tune.BEEP)
            else:
                self.effects.append(do.StartPlay(play.play_id, play.prompts, play.repeat, play.barge_in))

    def finish_play(self, how: str, message: str = "", *, replaced: bool = False, with_next: bool = False) -> None:
        """End the running playback, if any, and report it once: now, or `with_next`, which `hushed` describes. The worker's own
        report about it then comes too late."""
        play, self.play = self.play, None
        if play is None:
            return
        if play.message is not None:
            self._end_message(play)
        elif how == "interrupted":
            self.interrupted = play.play_id if play.asked else ""
        if play.started and not replaced and how == "stopped" and play.message is None:
            self.effects.append(do.StopPlay(play.play_id))
        if play.asked and with_next:
            self.hushed = PlaybackFinished(play_id=play.play_id, how=how, message=message, at=self.now)
        elif play.asked:
            self.append(PlaybackFinished(play_id=play.play_id, how=how, message=message))

    def take_hushed(self) -> PlaybackFinished | None:
        """What is to be told with the event that is appended now."""
        hushed, self.hushed = self.hushed, None
        return replace(hushed, at=None) if hushed is not None and hushed.at == self.now else hushed

    def _end_message(self, play: Playback) -> None:
        """Neither the beep nor the recording goes on."""
        customer = self.legs.get(self.customer_leg)
        if customer is not None:
            self.stop_tune(customer)
        self.stop_timer(MESSAGE_TIMER)
        if play.message is not None and play.message.recording_id:
            self.effects.append(do.StopRecord(play.message.recording_id))
            self.recording = ""

    def start_tune(self, leg: Leg, tune: do.Tune) -> None:
        """Let one party hear music or a tone, until it ends or is stopped."""
        self.stop_tune(leg)
        leg.tune = self.next_id("m")
        self.effects.append(do.StartTune(leg.leg_id, leg.tune, tune))

    def stop_tune(self, leg: Leg) -> None:
        """Silence, if music or a tone is on."""
        if leg.tune:
            self.effects.append(do.StopPlay(leg.tune))
            leg.tune = ""

    def start_timer(self, name: str, after_s: float) -> None:
        """TimeUp will come, unless it is stopped or started anew."""
        self.timers[name] = self.now + timedelta(seconds=after_s)
        self.effects.append(do.StartTimer(name, after_s))

    def stop_timer(self, name: str) -> None:
        """Wait for it no longer."""
        if self.timers.pop(name, None) is not None:
            self.effects.append(do.StopTimer(name))

    def open_leg(self, leg: Leg) -> None:
        """A party that is to be rung: its media first."""
        self.legs[leg.leg_id] = leg
        self.effects.append(do.OpenLeg(leg.leg_id))

    def tell_started(self, leg: Leg) -> None:
        """The log hears that the INVITE has left, if it has not heard yet."""
        started = self.take_started(leg)
        if started is not None:
            self.append(replace(started, at=None) if started.at == self.now else started)

    def take_started(self, leg: Leg) -> LegStarted | None:
        """What the event that is appended now is to tell of the leg's INVITE; None when the log knows."""
        invited_at, leg.invited_at = leg.invited_at, None
        if invited_at is None:
            return None
        leg.announced = True
        return LegStarted(
            leg_id=leg.leg_id,
            role=leg.role,
            offer_id=leg.offer_id,
            agent_id=leg.agent_id,
            number=leg.number,
            purpose=leg.purpose,
            at=invited_at,
        )

    def close_leg(self, leg_id: str, reason: Reason) -> None:
        """Give up the media of a leg; its end is told when the worker's figures are there."""
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is not LegStage.CLOSING:
            leg.stage, leg.ending = LegStage.CLOSING, reason
            self.stop_timer(ring_timer(leg_id))
            if self.menus.pop(leg_id, None) is not None:
                self.stop_timer(menu_timer(leg_id))
            if leg_id in self.talk:
                self.talk.remove(leg_id)
            self.effects.append(do.CloseLeg(leg_id))

    def leg_closed(self, leg_id: str, figures: LegFigures) -> None:
        """Tell the leg's end, or the call's after its last leg, with the ends of all that ended with it."""
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            return
        if leg.announced:
            told = LegEnded(
                leg_id=leg_id,
                role=leg.role,
                reason=leg.ending,
                agent_id=leg.agent_id,
                offer_id=leg.offer_id,
                packets_received=figures.packets_received,
                packets_lost=figures.packets_lost,
                jitter_ms=round(figures.jitter_ms, 2),
                rtt_ms=figures.rtt_ms,
                remote_lost=figures.remote_lost,
                remote_jitter_ms=figures.remote_jitter_ms,
                mos=figures.mos,
                at=None if self.ended is None else self.now,
            )
            if self.ended is None:
                self.append(told)
            else:
                self.last_legs.append(told)
        self._close_if_empty()

    def drop_offer(self, offer: Offer, reason: Reason, *, peer_gone: bool = False) -> None:
        """End the agent's side of an offer, whatever its phone is doing. The caller has moved the offer's state."""
        del self.offers[offer.offer_id]
        self.hang_up_leg(offer.leg_id, reason, peer_gone=peer_gone)

    def hang_up_leg(self, leg_id: str, reason: Reason, *, peer_gone: bool = False) -> None:
        """End one leg, and nothing else. `peer_gone`: it needs no BYE."""
        leg = self.legs.get(leg_id)
        if leg is None or leg.stage is LegStage.CLOSING:
            return
        self.answer_refer(leg, 200 if reason is Reason.NORMAL else status_for_phone(reason))
        if not peer_gone and leg.calls:
            self.effects.append(do.HangUpLeg(leg_id, status_for_phone(reason)))
        elif not peer_gone and leg.stage is LegStage.OPEN:
            self.effects.append(do.HangUpLeg(leg_id))
        self.close_leg(leg_id, reason)

    def answer_refer(self, leg: Leg, sip_status: int) -> None:
        """The last word to a phone that has asked for a transfer, if it has."""
        if leg.refers:
            leg.refers = False
            self.effects.append(do.AnswerRefer(leg.leg_id, sip_status))

    def drop_party(self, leg_id: str, reason: Reason, *, peer_gone: bool = False) -> None:
        """End a party's leg, with the offer behind it if there is one, and with the supervision of it."""
        leg = self.legs.get(leg_id)
        offer = self.offers.get(leg.offer_id) if leg is not None else None
        if offer is not None:
            offer.move(OfferInput.END)
            self.drop_offer(offer, reason, peer_gone=peer_gone)
        else:
            self.hang_up_leg(leg_id, reason, peer_gone=peer_gone)
        for watch in [watch for watch in self.watches.values() if watch.agent_leg == leg_id]:
            self.end_watch(watch, Reason.NORMAL)

    def end_watch(self, watch: Watch, reason: Reason, *, peer_gone: bool = False) -> None:
        """The supervisor's leg ends, nobody else's."""
        del self.watches[watch.leg_id]
        if watch.started:
            self.append(SupervisionEnded(leg_id=watch.leg_id, supervisor=watch.supervisor, agent_id=watch.agent_id))
        self.hang_up_leg(watch.leg_id, reason, peer_gone=peer_gone)

    def end(self, reason: Reason, party: Party, *, gone: str = "", sip_status: int = 0) -> None:
        """End everything. `gone`: the leg whose peer has left already. `sip_status`: the refusal that the caller got."""
        if self.customer in OVER:
            return
        before_answer = self.customer in BEFORE_ANSWER
        self.move(CustomerInput.END)
        self.finish_play("stopped", with_next=True)
        self._end_consultations(reason)
        for watch in list(self.watches.values()):
            self.end_watch(watch, reason, peer_gone=watch.leg_id == gone)
        if gone != self.customer_leg:
            if before_answer:
                sip_status = sip_status or status_of(reason)
                self.effects.append(do.RefuseCaller(sip_status))
            elif self.customer_leg in self.legs and self.legs[self.customer_leg].stage is LegStage.OPEN:
                self.effects.append(do.HangUpLeg(self.customer_leg))
        for offer in list(self.offers.values()):
            offer.move(OfferInput.END)
            self.drop_offer(offer, reason, peer_gone=offer.leg_id == gone)
        self.wanted.clear()
        self.ended = CallEnded(reason=reason, party=party, sip_status=sip_status)
        for leg in list(self.legs.values()):
            if leg.stage is not LegStage.CLOSING:
                told = gone == leg.leg_id or leg.role is LegRole.CUSTOMER
                self.hang_up_leg(leg.leg_id, reason, peer_gone=told)
        self.talk.clear()
        for name in list(self.timers):
            self.stop_timer(name)
        self._close_if_empty()

    def _end_consultations(self, reason: Reason) -> None:
        """The one that goes on, and one whose agent has hung up while the target rang."""
        consult, self.consult = self.consult, None
        open_ones = [(consult.consult_id, consult.agent_id)] if consult is not None else []
        open_ones += [(wanted.consult_id, wanted.agent_id) for wanted in self.wanted.values() if wanted.consult_id]
        for consult_id, agent_id in open_ones:
            self.append(ConsultEnded(consult_id=consult_id, agent_id=agent_id, how="cancelled", reason=reason))

    def _close_if_empty(self) -> None:
        if self.ended is not None and not self.legs and self.customer is C.ENDING:
            self.move(CustomerInput.CLOSED)
            legs = tuple(replace(leg, at=None) if leg.at == self.now else leg for leg in self.last_legs)
            self.append(replace(self.ended, legs=legs, playback=self.take_hushed()))
