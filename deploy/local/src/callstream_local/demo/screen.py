"""What the person in front of the demo sees: a live board, then the table of records."""

import time
from collections import deque
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from callstream.kernel.outcomes import CallOutcome
from callstream_local.demo.board import PHASES, Board
from callstream_local.demo.evidence import Evidence, Record
from callstream_local.demo.scenario import Scenario

OUTCOMES = (CallOutcome.ANSWERED, CallOutcome.QUEUE_ABANDONED, CallOutcome.IVR_ABANDONED, CallOutcome.IVR_ENDED)
_RATE_OVER_S = 2.0
_BAR = 40
_WIDTH = 140


def wide_console() -> Console:
    """The terminal; a file or a pipe has no width of its own and gets a wide one."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


class LiveBoard:
    """A rich renderable: `Live(LiveBoard(board, scenario))` redraws it by itself."""

    def __init__(self, board: Board, scenario: Scenario) -> None:
        self._board = board
        self._scenario = scenario
        self._seen: deque[tuple[float, int]] = deque()

    def __rich__(self) -> RenderableType:
        calls, states = self._board.calls(), self._board.states()
        over = sum(count for phase, count in calls.items() if phase not in PHASES)
        total = len(self._scenario.callers)
        table = Table.grid(padding=(0, 2))
        table.add_row("calls now", _counts(calls, PHASES))
        table.add_row("calls over", _counts(calls, [*OUTCOMES, *(set(calls) - set(OUTCOMES) - set(PHASES))]))
        table.add_row("agents", _counts(states, sorted(states)))
        table.add_row("event log", f"{self._board.events} events, {self._rate():.0f} a second")
        bar = Table.grid(padding=(0, 2))
        bar.add_row(ProgressBar(total=total, completed=over, width=_BAR), f"{over} of {total} calls are over")
        return Group(bar, table)

    def _rate(self) -> float:
        now = time.monotonic()
        self._seen.append((now, self._board.events))
        while now - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()
        (then, before), (_, events) = self._seen[0], self._seen[-1]
        return (events - before) / (now - then) if now > then else 0.0


def _counts(counts: dict[str, int], names: Sequence[str]) -> Text:
    text = Text()
    for name in names:
        count = counts.get(name, 0)
        text.append(f"{count} {name}   ", style="" if count else "dim")
    return text


def records_table(evidence: Evidence, scenario: Scenario) -> Table:
    """The service records, oldest first, beside what each caller was going to do."""
    plans = {plan.caller: plan.name for plan in scenario.callers}
    table = Table(title="Service records", box=SIMPLE_HEAD)
    for name in ("time", "caller", "who", "status", "group", "agent", "wait", "talk", "ended by", "recording"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("wait", "talk") else "left")
    for record in sorted(evidence.records, key=lambda record: record.arrived_at):
        table.add_row(
            f"{record.arrived_at:%H:%M:%S}",
            record.caller,
            plans.get(record.caller, ""),
            record.access_status or "live",
            record.group_id or "",
            record.agent_id or "",
            _seconds(record.wait_ms),
            _seconds(record.talk_ms),
            record.hang_up_party or "",
            _channels(record, evidence),
        )
    return table


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f}"


def _channels(record: Record, evidence: Evidence) -> str:
    """The tones of the recording: caller's left, agent's right."""
    heard = evidence.recordings.get(record.call_id)
    if heard is None:
        return ""
    return heard.problem or f"{_seconds(record.recording_ms)} s: {heard.left.tone_hz}|{heard.right.tone_hz} Hz"
