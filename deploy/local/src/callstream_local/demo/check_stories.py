"""Does every service record say what its caller and its agent lived through? And is there exactly one for each caller?"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from callstream.kernel.outcomes import CallOutcome, Party
from callstream_local.demo.evidence import Evidence, Record
from callstream_local.phones.stories import CallerStory, Ending, OfferStory

TALKED_MS = 400
"""So much of a tone is a conversation; less may be the last breath of one that was just being connected."""


def check_stories(evidence: Evidence) -> Iterator[str]:
    """What does not agree, one sentence each."""
    by_caller: dict[str, list[Record]] = defaultdict(list)
    for record in evidence.records:
        by_caller[record.caller].append(record)
    known = {story.caller for story in evidence.callers}
    yield from (f"a record for caller {caller}, who never called" for caller in by_caller if caller not in known)
    offers = offers_by_tone(evidence)
    for story in evidence.callers:
        records = by_caller.get(story.caller, [])
        if len(records) != 1:
            yield f"caller {story.caller} called once and has {len(records)} records"
            continue
        yield from (
            f"call {records[0].call_id} of {story.caller}: {problem}"
            for problem in _compare(story, records[0], offers.get(story.tone_hz, []), evidence)
        )
    yield from _phones(evidence)


def offers_by_tone(evidence: Evidence) -> dict[int, list[OfferStory]]:
    """The offers in which an agent heard each caller's tone."""
    offers: dict[int, list[OfferStory]] = defaultdict(list)
    for offer in evidence.offers:
        if offer.heard.tone_hz is not None:
            offers[offer.heard.tone_hz].append(offer)
    return offers


def _compare(story: CallerStory, record: Record, offers: list[OfferStory], evidence: Evidence) -> Iterator[str]:
    if record.ended_at is None or record.access_status is None:
        yield "is over for its caller and goes on in its record"
        return
    if story.ending in (Ending.GAVE_UP, Ending.LOST, Ending.REFUSED, Ending.OPEN):
        yield f"ended for its caller as '{story.ending}' (SIP status {story.sip_status})"
    agent = evidence.agent_of_tone.get(story.heard.tone_hz or 0)
    talked = agent is not None and story.heard.ms >= TALKED_MS
    if talked and record.access_status != CallOutcome.ANSWERED:
        yield f"talked to agent {agent} and is recorded as {record.access_status}"
    if talked and record.agent_id != agent:
        yield f"talked to agent {agent} and is recorded with agent {record.agent_id}"
    if not talked and record.access_status == CallOutcome.ANSWERED and story.ending is not Ending.HUNG_UP:
        yield f"is recorded as answered by {record.agent_id} but its caller heard nobody"
    if record.access_status == CallOutcome.ANSWERED and len(offers) > 1:
        yield f"was heard by {len(offers)} phones"
    party = _who_hung_up(story, talked)
    if party is not None and record.hang_up_party != party:
        yield f"was ended by the {party} and is recorded as ended by the {record.hang_up_party}"
    group = evidence.group_of_key.get(story.keys[-1:], None)
    if record.group_id is not None and record.group_id != group:
        yield f"pressed '{story.keys}' and asked for group {record.group_id}"
    if not talked and story.ending is Ending.PEER_HUNG_UP and record.access_status != CallOutcome.IVR_ENDED:
        yield f"was hung up on before anybody talked, and is recorded as {record.access_status}"


def _who_hung_up(story: CallerStory, talked: bool) -> Party | None:
    match story.ending:
        case Ending.HUNG_UP | Ending.CANCELLED:
            return Party.CUSTOMER
        case Ending.PEER_HUNG_UP:
            return Party.AGENT if talked else Party.SYSTEM
        case _:
            return None


def _phones(evidence: Evidence) -> Iterator[str]:
    for offer in evidence.offers:
        if offer.while_busy:
            yield f"phone {offer.user} was offered {offer.caller} during another call"
        if offer.ending in (Ending.GAVE_UP, Ending.LOST, Ending.OPEN):
            yield f"phone {offer.user}: the call of {offer.caller} ended as '{offer.ending}'"
    answered = Counter(offer.user for offer in evidence.offers if offer.answered_at is not None)
    recorded = Counter(record.agent_id for record in evidence.records if record.agent_id)
    for user in sorted(set(answered) | set(recorded)):
        if answered[user] < recorded[user]:
            yield f"agent {user} answered {answered[user]} calls and has {recorded[user]} records"
