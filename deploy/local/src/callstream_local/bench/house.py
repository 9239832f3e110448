"""A copy of the whole system with a call centre for load: one number, one group, a flow that leads straight into the queue.

    async with House(agents=100) as house:
        await house.open()                      # phones registered, agents signed in
        outcome = await house.crowd.ask(PlaceCalls(rate=60, seconds=20))

Wrap-up is 1 s, the least that the settings allow: n agents serve at most n / (1 + talk) calls a second.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from callstream.contracts.envelope import Recorded
from callstream.runtime.jetstream_store import JetStreamStore
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.crowd_orders import Setup
from callstream_local.bench.crowd_process import CrowdProcess
from callstream_local.bench.scratch import data_folder
from callstream_local.bench.waiting import KNOWN_WITHIN_S, POLL_S, until
from callstream_local.commands.apply import apply_manifest
from callstream_local.config import StackOptions
from callstream_local.embedded.nats import Durability
from callstream_local.folder import DataFolder
from callstream_local.inside.api import Api, ApiError
from callstream_local.stack import Stack

NUMBER = "+861055550100"
GROUP = "bench"
TALK_S = 0.1
WRAP_UP_S = 1
CAUGHT_UP_WITHIN_S = 30.0
SIGN_INS_AT_ONCE = 8


class House:
    """See the module's docstring. The data folder is temporary."""

    def __init__(self, agents: int, *, talk_s: float = TALK_S, varied: bool = False, durability: Durability = "safe") -> None:
        self._cleaning = ExitStack()
        self.stack = Stack(self._cleaning.enter_context(data_folder()), StackOptions(durability=durability))
        self.crowd = CrowdProcess()
        self._talk_s, self._varied = talk_s, varied
        self._phones = phones(agents)

    async def __aenter__(self) -> Self:
        try:
            await self.stack.start()
        except BaseException:
            self._cleaning.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.crowd.stop()
        await self.stack.stop()
        self._cleaning.close()

    async def open(self) -> None:
        """Configure, register all phones, sign all agents in."""
        await open_call_centre(
            self.stack.folder, self.stack.sip_addr, self.crowd, self._phones, self._talk_s, varied=self._varied
        )

    async def log_position(self) -> int:
        """Sequence of the newest event."""
        client = await self.stack.nats.connect()
        try:
            return await JetStreamStore(client, "bench").last_seq()
        finally:
            await client.close()

    async def read_log(self, filters: Sequence[str], after: int) -> list[Recorded]:
        """All events behind a position, read when the measurement is over."""
        found: list[Recorded] = []

        async def take(batch: list[Recorded]) -> None:
            found.extend(batch)

        client = await self.stack.nats.connect()
        try:
            subscription = await JetStreamStore(client, "bench").subscribe(filters, after, take)
            async with asyncio.timeout(CAUGHT_UP_WITHIN_S):
                await subscription.caught_up.wait()
            await subscription.stop()
        finally:
            await client.close()
        return found

    async def answered_records(self, at_least: int) -> int:
        """How many service records say `answered`; waits for the projection as long as that may take."""
        with Api(self.stack.folder) as api:

            async def ask() -> int:
                page = await asyncio.to_thread(api.get, "reporting", "/v1/records", status="answered", live="false", limit=1)
                return int(page["total"])

            return await until(ask, lambda total: total >= at_least, CAUGHT_UP_WITHIN_S)


def phones(agents: int) -> dict[str, str]:
    """User names and passwords of the agents' phones; the agents have the same ids."""
    return {str(10_001 + index): secrets.token_urlsafe(9) for index in range(agents)}


async def open_call_centre(
    folder: DataFolder,
    sip_addr: tuple[str, int],
    crowd: CrowdProcess,
    phones: dict[str, str],
    talk_s: float = TALK_S,
    *,
    varied: bool = False,
) -> None:
    """Configure a running copy, start the load generator with these phones, sign all agents in. Raises CannotMeasure."""
    with Api(folder) as api, ThreadPoolExecutor(SIGN_INS_AT_ONCE) as threads:
        await asyncio.to_thread(apply_manifest, api, manifest(phones), folder.root)
        host, port = sip_addr
        await crowd.start(Setup(host=host, port=port, number=NUMBER, phones=phones, talk_s=talk_s, varied=varied))
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(threads, _sign_in, api, agent_id) for agent_id in phones))


def manifest(phones: dict[str, str]) -> dict[str, Any]:
    """The call centre, as `POST /v1/apply` takes it."""
    nodes = [
        {"kind": "start", "id": "start", "next": "queue"},
        {"kind": "transfer-to-agent", "id": "queue", "group_id": GROUP, "failed": "end"},
        {"kind": "end", "id": "end"},
    ]
    return {
        "settings": {"ring_timeout_s": 20, "auto_idle": True, "wrap_up_s": WRAP_UP_S, "default_state": "idle"},
        "groups": [{"id": GROUP, "name": "Bench"}],
        "agents": [
            {
                "id": user,
                "name": f"Agent {user}",
                "email": f"{user}@bench.example",
                "phone": {"user": user, "password": password},
                "groups": [GROUP],
            }
            for user, password in phones.items()
        ],
        "flows": [{"id": "queue-only", "name": "Into the queue", "nodes": nodes}],
        "trunks": [{"id": "load", "peers": ["127.0.0.1"], "max_calls": 100_000}],
        "numbers": [{"number": NUMBER, "flow": "queue-only", "trunks": ["load"]}],
    }


def _sign_in(api: Api, agent_id: str) -> None:
    """Repeated while agent-state does not know the agent yet."""
    deadline = time.monotonic() + KNOWN_WITHIN_S
    while True:
        try:
            api.post("console", f"/v1/agents/{agent_id}/sign-in", {})
        except ApiError as error:
            if time.monotonic() > deadline:
                raise CannotMeasure(f"agent {agent_id} cannot sign in: {error}") from error
            time.sleep(POLL_S)
        else:
            return
