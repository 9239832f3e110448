"""Project batches of events, whatever happens to the database meanwhile.

- database away: the batch is tried again with back-off, the log waits; calls do not notice;
- an event that the tables refuse: the batch is taken apart, the one event goes to the dead letters, the rest is written;
- another instance has gone on: the position and the summaries in memory are read anew;
- the tables were cleared for a rebuild: batches in hand are dropped, and the log is followed from its start.
"""

import asyncio
from collections import OrderedDict

import asyncpg
import structlog

from callstream.contracts.envelope import Recorded
from callstream.contracts.outcome import CallSummary
from callstream.runtime.event_store import EventStore
from callstream_reporting.adapters.projection import PositionMoved, Projection
from callstream_reporting.domain.agent_log import agents_in, fold_states
from callstream_reporting.domain.batch import calls_in, rows_of

_REMEMBERED = 20_000
_AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError)
_log = structlog.get_logger()


class Projector:
    """Folds what the log hands over into the tables."""

    def __init__(self, store: EventStore, projection: Projection) -> None:
        self._store, self._projection = store, projection
        self._summaries: OrderedDict[str, CallSummary] = OrderedDict()
        self.position = 0
        """The log position that is committed."""
        self.rewound = asyncio.Event()
        """Set when the tables stand further back than what was handed over: follow the log anew from `start`."""

    async def start(self) -> int:
        """Where the log is to be followed from."""
        self._summaries.clear()
        self.position = await self._projection.position()
        self.rewound.clear()
        return self.position

    async def rebuild(self) -> None:
        """Forget all rows; whoever follows the log begins again at its start (`rewound`)."""
        await self._projection.clear()
        self.rewound.set()

    async def on_batch(self, events: list[Recorded]) -> None:
        """Write a batch; returns only when it is committed."""
        back_off = 0.1
        while not self.rewound.is_set():
            try:
                await self._project([event for event in events if event.seq > self.position])
            except PositionMoved:
                await self._read_anew()
            except _AWAY as error:
                _log.warning("database away", error=repr(error), retry_in_s=back_off)
                await asyncio.sleep(back_off)
                back_off = min(back_off * 2, 5.0)
            else:
                return

    async def _read_anew(self) -> None:
        self._summaries.clear()
        before, self.position = self.position, await self._projection.position()
        if self.position < before:
            self.rewound.set()

    async def _project(self, events: list[Recorded]) -> None:
        if not events:
            return
        try:
            await self._write(events)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, TypeError) as error:
            if len(events) == 1:
                _log.error("event cannot be projected", seq=events[0].seq, type=events[0].event.TYPE, error=repr(error))
                self._store.dead_letter(events[0], error)
                await self._skip(events[0].seq)
                return
            middle = len(events) // 2
            await self._project(events[:middle])
            await self._project(events[middle:])

    async def _write(self, events: list[Recorded]) -> None:
        await self._load(calls_in(events))
        rows = rows_of(events, self._summaries)
        rows.states = fold_states(await self._projection.open_states(agents_in(events)), events)
        await self._projection.write(rows, self.position, events[-1].seq)
        self.position = events[-1].seq
        for call_id, summary in rows.summaries.items():
            self._summaries[call_id] = summary
            self._summaries.move_to_end(call_id)
        while len(self._summaries) > _REMEMBERED:
            self._summaries.popitem(last=False)

    async def _skip(self, seq: int) -> None:
        await self._projection.write(rows_of([], {}), self.position, seq)
        self.position = seq

    async def _load(self, call_ids: set[str]) -> None:
        missing = [call_id for call_id in call_ids if call_id not in self._summaries]
        if missing and self.position:
            self._summaries.update(await self._projection.summaries(missing))
