"""One scenario played against a running copy, and the evidence of it.

    async with Rehearsal(stack, scenario) as rehearsal:
        await rehearsal.prepare()
        await rehearsal.perform()
        evidence = await rehearsal.settle()

It uses what a customer would use: the HTTP APIs, SIP, RTP; the event log besides, to compare. Services may be killed meanwhile:
waiting here always means waiting for a state, with a bound.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from nats.aio.client import Client

from callstream.contracts.envelope import Recorded
from callstream.contracts.subjects import ALL_EVENTS
from callstream.kernel.clock import to_millis
from callstream.runtime.event_store import Subscription
from callstream.runtime.jetstream_store import JetStreamStore
from callstream_local.commands.apply import apply_manifest
from callstream_local.demo.evidence import Evidence, Record, RecordingHeard
from callstream_local.demo.manifest import GROUPS, demo_manifest
from callstream_local.demo.music import write_music
from callstream_local.demo.recordings import listen_to
from callstream_local.demo.scenario import Scenario
from callstream_local.demo.verdict import CALM
from callstream_local.inside.api import Api, ApiError
from callstream_local.phones.caller import Caller
from callstream_local.phones.ear import Ear
from callstream_local.phones.network import PhoneNetwork
from callstream_local.phones.plans import CallPlan
from callstream_local.stack import Stack
from callstream_media_gateway.sip.errors import RegistrationError

KNOWN_WITHIN_S = 15.0
"""Configuration reaches the services through the log of changes; until then they do not know an agent or a phone."""
CALM_WITHIN_S = 6.0
"""5 s, and the wrap-up of 1 s."""
COMPLETE_WITHIN_S = 20.0
"""Recordings are encoded after the call."""
POLL_S = 0.2

T = TypeVar("T")


class Rehearsal:
    """See the module's docstring. `on_events` sees each batch of the log as it comes."""

    def __init__(
        self,
        stack: Stack,
        scenario: Scenario,
        manifest: dict[str, Any] | None = None,
        on_events: Callable[[list[Recorded]], None] = lambda _: None,
    ) -> None:
        self.scenario = scenario
        self.network = PhoneNetwork(stack.sip_addr)
        self.callers: list[Caller] = []
        self._stack = stack
        self._manifest = manifest or demo_manifest({plan.user: plan.password for plan in scenario.agents})
        self._on_events = on_events
        self.api = Api(stack.folder)
        self.events: list[Recorded] = []
        self._began = to_millis(datetime.now(UTC))
        self._seconds = 0.0
        self._placed = 0
        self._client: Client | None = None
        self._log: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._client = await self._stack.nats.connect(max_reconnect_attempts=-1)
        store = JetStreamStore(self._client, "demo")
        self._log = await store.subscribe([ALL_EVENTS], await store.last_seq(), self._take)
        await self.network.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.network.__aexit__(kind, error, trace)
        if self._log is not None:
            await self._log.stop()
        if self._client is not None:
            await self._client.close()

    async def prepare(self) -> None:
        """Configure, register the phones, sign the agents in. Raises ApiError or RegistrationError when that stays refused."""
        with tempfile.TemporaryDirectory() as folder:
            write_music(Path(folder) / "music.wav")
            await asyncio.to_thread(apply_manifest, self.api, self._manifest, Path(folder))
        for plan in self.scenario.agents:
            await _until_known(partial(self.network.agent_phone, plan), RegistrationError)
        for plan in self.scenario.agents:
            await _until_known(partial(self._post, f"/v1/agents/{plan.user}/sign-in"), ApiError)

    async def perform(self) -> None:
        """Place all calls and go through with them."""
        begun = time.monotonic()
        self._began = to_millis(datetime.now(UTC))
        async with asyncio.TaskGroup() as calls:
            for plan in self.scenario.callers:
                calls.create_task(self._call(plan), name=f"caller {plan.caller}")
        self._seconds = time.monotonic() - begun

    async def settle(self, calls: int = 0) -> Evidence:
        """Wait until agents are calm and records complete, as long as that may take, then gather what all sides say.

        calls: how many were placed by others than our callers (by foreign phones, in tests).
        """
        self._placed = len(self.callers) + calls
        agents = await _until(self._agents, lambda agents: all(state in CALM for state in agents.values()), CALM_WITHIN_S)
        records = await _until(self._records, self._complete, COMPLETE_WITHIN_S)
        await self._caught_up()
        return Evidence(
            callers=[caller.story for caller in self.callers],
            offers=[story for phone in self.network.phones.values() for story in phone.stories],
            events=list(self.events),
            records=records,
            recordings=await self._recordings(records),
            agents=agents,
            agent_of_tone={plan.tone_hz: plan.user for plan in self.scenario.agents},
            group_of_key=dict(GROUPS),
            seconds=self._seconds,
        )

    async def leave(self) -> None:
        """Sign the agents out and take their phones off, as at the end of a day."""
        for plan in self.scenario.agents:
            await _until_known(partial(self._post, f"/v1/agents/{plan.user}/sign-out"), ApiError)
        await self.network.unregister()

    async def _call(self, plan: CallPlan) -> None:
        await asyncio.sleep(plan.after_s)
        caller = self.network.caller(plan)
        self.callers.append(caller)
        await caller.call()

    async def _take(self, batch: list[Recorded]) -> None:
        self.events += batch
        self._on_events(batch)

    async def _post(self, path: str) -> None:
        await asyncio.to_thread(self.api.post, "console", path, {})

    async def _agents(self) -> dict[str, str]:
        ours = {plan.user for plan in self.scenario.agents}
        agents = await asyncio.to_thread(self.api.get, "console", "/v1/agents")
        return {agent["agent_id"]: agent["state"] for agent in agents if agent["agent_id"] in ours}

    async def _records(self) -> list[Record]:
        records: list[Record] = []
        cursor = ""
        while True:
            page = await asyncio.to_thread(
                self.api.get, "reporting", "/v1/records", since=self._began.isoformat(), limit=1000, cursor=cursor
            )
            records += msgspec.convert(page["records"], list[Record])
            cursor = page["next_cursor"]
            if not cursor:
                return records

    def _complete(self, records: list[Record]) -> bool:
        recorded = [record for record in records if record.recording_id]
        return (
            len(records) >= self._placed
            and all(record.ended_at for record in records)
            and all(record.recording_path for record in recorded)
        )

    async def _recordings(self, records: list[Record]) -> dict[str, RecordingHeard]:
        ear = Ear()
        found = {}
        for record in records:
            if record.recording_path:
                path = f"/v1/records/{record.call_id}/recording"
                try:
                    mp3 = await asyncio.to_thread(self.api.download, "reporting", path)
                except ApiError as error:
                    found[record.call_id] = RecordingHeard(problem=str(error))
                else:
                    found[record.call_id] = await asyncio.to_thread(listen_to, mp3, ear)
        return found

    async def _caught_up(self) -> None:
        """The log as we know it holds everything that stood in it a moment ago."""
        if self._client is None or self._log is None:
            return
        newest = await JetStreamStore(self._client, "demo").last_seq()
        async with asyncio.timeout(COMPLETE_WITHIN_S):
            while self._log.position < newest:  # noqa: ASYNC110 - the subscription signals nobody
                await asyncio.sleep(0.02)


async def _until(ask: Callable[[], Awaitable[T]], enough: Callable[[T], bool], within_s: float) -> T:
    """Ask until the answer is enough or the time is over; the last answer."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await ask()
        if enough(answer) or time.monotonic() > deadline:
            return answer
        await asyncio.sleep(POLL_S)


async def _until_known(attempt: Callable[[], Any], refusal: type[Exception]) -> None:
    """Try again while it is refused, for as long as the news of a configuration may take."""
    deadline = time.monotonic() + KNOWN_WITHIN_S
    while True:
        try:
            await attempt()
        except refusal:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_S)
        else:
            return
