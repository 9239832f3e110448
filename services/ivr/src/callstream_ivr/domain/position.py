"""${WaitNo}: the number of callers ahead, filled into queue prompts at each round (F072, F130: 0 for the next in line)."""

from msgspec.structs import replace

from callstream.contracts.config import Speech
from callstream.contracts.flow import Prompts
from callstream_ivr.domain.wanted import WAIT_NO


def with_position(prompts: Prompts, ahead: int | None) -> Prompts:
    """The prompts with the number spoken; without a number, those that would speak it are left out."""
    filled: list[object] = []
    for prompt in prompts:
        if not isinstance(prompt, Speech) or WAIT_NO not in prompt.text:
            filled.append(prompt)
        elif ahead is not None:
            filled.append(replace(prompt, text=prompt.text.replace(WAIT_NO, str(ahead))))
    return tuple(filled)  # type: ignore[arg-type]
