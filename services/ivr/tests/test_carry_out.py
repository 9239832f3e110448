"""Commands to a gateway and a routing that refuse, keep silent, or come back."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from callstream.contracts.commands import AnswerCall, Command, PlayPrompts, QueuePosition, Reply
from callstream.contracts.config import Prompt, Speech
from callstream.kernel.outcomes import Reason
from callstream_ivr.app import carry_out as carry_out_module
from callstream_ivr.app.ask_position import AskPosition
from callstream_ivr.app.carry_out import UNKNOWN_CALL_TRIES, CarryOut
from callstream_ivr.domain.session import Session

YES = Reply(accepted=True)


def no(reason: Reason) -> Reply:
    return Reply(accepted=False, reason=reason, message="because")


def number(ahead: int) -> Reply:
    return Reply(accepted=True, result=msgspec.Raw(str(ahead).encode()))


class Receivers:
    """Answers from two lists; the last answer of a list stands for all that follow."""

    def __init__(self, gateway: list[Reply], routing: list[Reply] | None = None) -> None:
        self.gateway, self.routing = gateway, routing or [no(Reason.UNAVAILABLE)]
        self.sent: list[tuple[str, Command]] = []

    async def send(self, command: Command, scope: str, timeout_s: float = 1.0, retries: int = 2, call_id: str = "") -> Reply:
        self.sent.append((scope, command))
        await asyncio.sleep(0)
        answers = self.routing if isinstance(command, QueuePosition) else self.gateway
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @property
    def plays(self) -> list[str]:
        """What was sent to be played, as text."""
        return [" ".join(_text(p) for p in command.prompts) for _, command in self.sent if isinstance(command, PlayPrompts)]


def _text(prompt: Prompt) -> str:
    assert isinstance(prompt, Speech)
    return prompt.text


SESSION = Session(
    tenant="acme", call_id="C", caller="", called="", gateway="g1", leg_id="L", arrived_seq=1,
    arrived_at=datetime(2026, 3, 2, tzinfo=UTC), request_id="C-r1",
)  # fmt: skip
ANSWER = AnswerCall(command_id="C-answer", call_id="C")


def play(*texts: str, play_id: str = "C-p1") -> PlayPrompts:
    return PlayPrompts(command_id=play_id, play_id=play_id, call_id="C", prompts=tuple(Speech(text=text) for text in texts))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses take no time here; how often they are taken is what counts."""
    monkeypatch.setattr(carry_out_module, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr("callstream_ivr.app.ask_position.NOT_QUEUED_YET_S", 0)


async def send(receivers: Receivers, *commands: Command) -> list[str]:
    """Carry the commands out one after the other; the calls whose playback was refused."""
    refused: list[str] = []
    carry_out = CarryOut(receivers, AskPosition(receivers, run="x"), refused.append)
    for command in commands:
        carry_out(SESSION, command)
        async with asyncio.timeout(5):
            await carry_out._sent["C"][1]
    await carry_out.stop()
    return refused


async def test_a_wish_is_sent_once_to_the_gateway_that_holds_the_call() -> None:
    receivers = Receivers([YES])
    await send(receivers, ANSWER, ANSWER)
    assert receivers.sent == [("g1", ANSWER)]


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.DRAINING, Reason.CONFLICT])
async def test_a_gateway_that_is_away_gets_the_same_command_again(reason: Reason) -> None:
    receivers = Receivers([no(reason)] * 20 + [YES])
    assert await send(receivers, play("Hello.")) == []
    assert len(receivers.sent) == 21
    assert {command.command_id for _, command in receivers.sent} == {"C-p1"}


async def test_a_gateway_that_never_finds_the_call_again_is_believed_in_the_end() -> None:
    receivers = Receivers([no(Reason.UNKNOWN_CALL)])
    assert await send(receivers, play("Hello.")) == ["C"]
    assert len(receivers.sent) == UNKNOWN_CALL_TRIES


async def test_a_refused_playback_is_told_and_a_refused_answer_is_not() -> None:
    receivers = Receivers([no(Reason.INVALID)])
    refused: list[str] = []
    carry_out = CarryOut(receivers, AskPosition(receivers, run="x"), refused.append)
    carry_out(SESSION, ANSWER)
    await carry_out._sent["C"][1]
    assert (refused, carry_out.refusal_of("C")) == ([], None)
    carry_out(SESSION, play("Hello."))
    await carry_out._sent["C"][1]
    refusal = carry_out.refusal_of("C")
    assert refused == ["C"]
    assert refusal is not None
    assert (refusal.play_id, refusal.reason, refusal.message) == ("C-p1", Reason.INVALID, "because")
    carry_out.forget("C")
    assert carry_out.refusal_of("C") is None


async def test_a_new_wish_ends_the_repetition_of_the_old_one() -> None:
    receivers = Receivers([no(Reason.UNAVAILABLE)])
    carry_out = CarryOut(receivers, AskPosition(receivers, run="x"), lambda _: None)
    carry_out(SESSION, play("Old."))
    old = carry_out._sent["C"][1]
    await asyncio.sleep(0.01)
    receivers.gateway = [YES]
    carry_out(SESSION, play("New.", play_id="C-p2"))
    await asyncio.gather(carry_out._sent["C"][1], old, return_exceptions=True)
    assert old.cancelled()
    assert receivers.plays[-1] == "New."


POSITIONS: dict[str, tuple[list[Reply], list[str]]] = {
    "asked anew at each round": ([number(3), number(2), number(0)], ["Music. 3 ahead.", "Music. 2 ahead.", "Music. 0 ahead."]),
    "the last known number when routing is silent": (
        [number(3), no(Reason.UNAVAILABLE)],
        ["Music. 3 ahead.", "Music. 3 ahead.", "Music. 3 ahead."],
    ),
    "no number yet: what needs none": (
        [no(Reason.UNAVAILABLE), number(1), number(1)],
        ["Music.", "Music. 1 ahead.", "Music. 1 ahead."],
    ),
    "not queued yet: asked again at once": (
        [no(Reason.UNKNOWN_CALL), number(4), no(Reason.UNKNOWN_CALL)],
        ["Music. 4 ahead.", "Music. 4 ahead.", "Music. 4 ahead."],
    ),
    "an answer that is no number": (
        [Reply(accepted=True, result=msgspec.Raw(b'"many"')), number(1), number(1)],
        ["Music.", "Music. 1 ahead.", "Music. 1 ahead."],
    ),
}


@pytest.mark.feature("F072")
@pytest.mark.parametrize("name", POSITIONS)
async def test_the_number_of_callers_ahead(name: str) -> None:
    routing, heard = POSITIONS[name]
    receivers = Receivers([YES], list(routing))
    await send(receivers, *(play("Music.", "${WaitNo} ahead.", play_id=f"C-p{i}") for i in range(3)))
    assert receivers.plays == heard
    questions = [(scope, command) for scope, command in receivers.sent if isinstance(command, QueuePosition)]
    assert {scope for scope, _ in questions} == {"acme"}
    assert {command.request_id for _, command in questions} == {"C-r1"}
    assert len({command.command_id for _, command in questions}) == len(questions), "each question is a new one"


@pytest.mark.feature("F072")
async def test_a_round_that_is_nothing_but_the_number_waits_for_it() -> None:
    receivers = Receivers([YES], [no(Reason.UNAVAILABLE), no(Reason.UNAVAILABLE), number(5)])
    await send(receivers, play("${WaitNo} ahead."))
    assert receivers.plays == ["5 ahead."]
