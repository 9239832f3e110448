"""The prompts that the customer hears before the bridge (F073, F091)."""

from collections.abc import Iterable

from msgspec.structs import replace

from callstream.contracts.config import Prompt, Speech

STAFF_NO = "${StaffNo}"


def for_agent(prompts: Iterable[Prompt], agent_id: str) -> tuple[Prompt, ...]:
    """The prompts with the agent's number in place of `${StaffNo}`."""
    return tuple(
        replace(prompt, text=prompt.text.replace(STAFF_NO, agent_id)) if isinstance(prompt, Speech) else prompt
        for prompt in prompts
    )
