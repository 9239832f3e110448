"""Which prompts a node or a document holds, and whether the sounds in them exist."""

from collections.abc import Iterable, Mapping

from callstream.contracts.config import Audio, AudioFile, CollectTemplate, Document, Prompt, Settings
from callstream.contracts.flow import Branch, Play, TransferToAgent, Voicemail
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

Spoken = list[tuple[str, tuple[Prompt, ...]]]
"""(field, its prompts)."""


def prompts_of(holder: object) -> Spoken:
    """Of a flow's node, the settings or a template; empty for what holds none."""
    match holder:
        case Play() | Voicemail() | CollectTemplate():
            return [("prompts", holder.prompts)]
        case Branch():
            return [(name, getattr(holder, name)) for name in ("prompts", "timeout_prompts", "error_prompts")]
        case TransferToAgent():
            names = ("transferring_prompts", "queue_prompts", "connect_prompts")
            offered = holder.offer_callback
            own: Spoken = [(name, getattr(holder, name)) for name in names]
            return own + ([("offer_callback.prompts", offered.prompts)] if offered is not None else [])
        case Settings(survey=survey):
            found: Spoken = [(name, getattr(holder, name)) for name in ("transfer_prompts", "stopped_prompts", "hold_music")]
            return found + ([("survey.prompts", survey.prompts), ("survey.closing", survey.closing)] if survey else [])
        case _:
            return []


def plays(holder: object, audio_id: str) -> bool:
    """Whether one of the prompts is this sound."""
    return any(isinstance(prompt, Audio) and prompt.audio_id == audio_id for _, some in prompts_of(holder) for prompt in some)


def check_audio(spoken: Iterable[tuple[str, tuple[Prompt, ...]]], where: str, known: Mapping[tuple[str, str], Document]) -> None:
    """Raise Refusal for a sound that the tenant does not have."""
    for field, prompts in spoken:
        for k, prompt in enumerate(prompts):
            if isinstance(prompt, Audio) and (AudioFile.KIND, prompt.audio_id) not in known:
                raise Refusal(Reason.INVALID, f"no such audio: '{prompt.audio_id}'", f"{where}.{field}[{k}]")
