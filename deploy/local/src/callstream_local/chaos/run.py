"""Parts one after the other; whether all went as promised."""

from collections.abc import Sequence

from rich.console import Console

from callstream_local.chaos.judge import problems
from callstream_local.chaos.part import Part
from callstream_local.chaos.play import CannotPlay, play
from callstream_local.chaos.tell import table
from callstream_local.embedded.errors import ServerError
from callstream_local.inside.api import ApiError
from callstream_local.ports import PortError
from callstream_local.stack import StackError

FAILURES = (CannotPlay, ServerError, StackError, ApiError, PortError, OSError, TimeoutError)


async def run_parts(parts: Sequence[Part], console: Console) -> bool:
    """Play and tell."""
    wrong: list[str] = []
    for part in parts:
        try:
            with console.status(part.what) as status:
                outcome = await play(part, lambda text: status.update(f"{part.name}: {text}"))  # noqa: B023 - used at once
        except FAILURES as error:
            wrong.append(f"{part.name}: {error or type(error).__name__}")
            console.print(f"[bold red]{wrong[-1]}[/]", highlight=False, soft_wrap=True)
            continue
        console.print(table(outcome))
        found = problems(outcome)
        wrong += found
        for problem in found:
            console.print(f"[bold red]wrong:[/] {problem}", highlight=False, soft_wrap=True)
        if not found:
            console.print(f"[bold green]{part.name}: as promised; no agent is stuck, and the books balance[/]\n")
    console.print("gap ms: the longest time without a packet over the kill (in brackets: in a second without one)")
    return not wrong
