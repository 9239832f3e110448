"""What routing writes about our calls, and our own answers to it, in the log's order."""

import structlog

from callstream.contracts.call_events import OfferAnswered
from callstream.contracts.envelope import Recorded
from callstream.contracts.ivr_events import IvrEnded
from callstream.contracts.queue_events import ContactLeft, OfferMade, OfferWithdrawn
from callstream.contracts.subjects import events_of
from callstream.kernel.outcomes import RequestOutcome
from callstream_media_gateway import metrics
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain import inputs

log = structlog.get_logger(__name__)

FILTERS = (
    events_of("queue", OfferMade.NAME),
    events_of("queue", OfferWithdrawn.NAME),
    events_of("queue", ContactLeft.NAME),
    events_of("call", OfferAnswered.NAME),
    events_of("ivr", IvrEnded.NAME),
)
"""One subscription for all: that is how the order of a withdrawal and an answer is known."""


class OnQueueEvent:
    """Give `fold` to the event store."""

    def __init__(self, switchboard: Switchboard, ring_agent: RingAgent, instance: str) -> None:
        self._switchboard, self._ring_agent, self._instance = switchboard, ring_agent, instance

    def fold(self, events: list[Recorded]) -> None:
        """Events of calls that are not ours, or over, concern nobody here."""
        for recorded in events:
            try:
                self._one(recorded)
            except Exception:
                log.exception("event not dealt with", event_id=recorded.id, type=recorded.event.TYPE)

    def _one(self, recorded: Recorded) -> None:
        match recorded.event:
            case OfferMade() as offer:
                live = self._switchboard.calls.get(offer.call_id)
                if offer.gateway != self._instance or live is None:
                    return
                given: inputs.Input = inputs.Offered(
                    cause=recorded.id,
                    offer_id=offer.offer_id,
                    request_id=recorded.aggregate_id,
                    agent_id=offer.agent_id,
                    connect_prompt=offer.connect_prompt,
                    auto_answer=self._ring_agent.answers_itself(recorded.tenant, offer.agent_id),
                    refusal=self._ring_agent.refusal(
                        recorded.tenant, offer.agent_id, offer.call_id, offer.offer_id, offer.terminal, offer.address
                    ),
                )
            case OfferWithdrawn() as offer:
                live = self._switchboard.calls.get(offer.call_id)
                if live is None:
                    return
                if offer.offer_id in live.call.offers:
                    metrics.offers.labels("withdrawn").inc()
                given = inputs.Withdrawn(cause=recorded.id, offer_id=offer.offer_id, reason=offer.reason)
            case ContactLeft() as left:
                live = self._switchboard.calls.get(left.call_id)
                if live is None or left.outcome is RequestOutcome.ANSWERED:
                    return
                given = inputs.RequestLeft(cause=recorded.id, request_id=recorded.aggregate_id, reason=left.reason)
            case IvrEnded() as flow:
                live = self._switchboard.calls.get(recorded.correlation_id)
                if live is None or recorded.correlation_id == recorded.aggregate_id:
                    return
                given = inputs.FlowOver(cause=recorded.id, run_id=recorded.aggregate_id, reason=flow.reason, node_id=flow.node_id)
            case OfferAnswered() as answered:
                live = self._switchboard.calls.get(recorded.aggregate_id)
                if live is None:
                    return
                given = inputs.AnswerLogged(cause=recorded.id, offer_id=answered.offer_id)
            case _:
                return
        if recorded.seq > live.seen_seq:  # else a killed process had dealt with it
            live.seen_seq = recorded.seq
            self._switchboard.feed(live, given)
