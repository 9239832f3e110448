"""Commands for the calls of this gateway. Repeating one changes nothing: `it is so already` is success."""

from callstream.contracts import commands
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.truth import truth_of


class OnCommand:
    """One method for each command; they raise Refusal."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def answer(self, command: commands.AnswerCall, _: str) -> None:
        """`answer-call`."""
        self._give(command.call_id, inputs.Answer(cause=command.command_id))

    async def play(self, command: commands.PlayPrompts, _: str) -> None:
        """`play`."""
        self._give(
            command.call_id,
            inputs.Play(
                cause=command.command_id,
                play_id=command.play_id,
                prompts=command.prompts,
                repeat=command.repeat,
                barge_in=command.barge_in,
            ),
        )

    async def take_message(self, command: commands.TakeMessage, _: str) -> None:
        """`take-message`."""
        self._give(
            command.call_id,
            inputs.TakeMessage(
                cause=command.command_id,
                play_id=command.play_id,
                mailbox=command.mailbox,
                max_s=command.max_s,
                silence_s=command.silence_s,
            ),
        )

    async def stop(self, command: commands.StopPlayback, _: str) -> None:
        """`stop-playback`."""
        self._give(command.call_id, inputs.Stop(cause=command.command_id, play_id=command.play_id))

    async def hang_up(self, command: commands.HangUpCall, _: str) -> None:
        """`hang-up`; accepted also for a call that is over and forgotten."""
        if command.call_id in self._switchboard.calls:
            given = inputs.HangUp(cause=command.command_id, reason=command.reason, party=command.party)
            self._give(command.call_id, given)

    async def drop_offer(self, command: commands.DropOffer, _: str) -> None:
        """`drop-offer`; accepted also when the offer, or the whole call, is over."""
        if command.call_id in self._switchboard.calls:
            self._give(command.call_id, inputs.DropOffer(cause=command.command_id, offer_id=command.offer_id))

    async def legs(self, _: commands.ListLegs, __: str) -> list[commands.CallTruth]:
        """`legs`: every call that this gateway holds, or still owes the log a word about."""
        return [truth_of(live.call) for live in self._switchboard.calls.values()]

    def _give(self, call_id: str, given: inputs.Input) -> None:
        live = self._switchboard.calls.get(call_id)
        if live is None:
            raise Refusal(Reason.UNKNOWN_CALL, "this gateway has no such call", "call_id")
        self._switchboard.command(live, given)
