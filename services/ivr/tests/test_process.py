"""The real process on a real NATS: a scripted gateway and queue answer its commands, and it is killed in the middle."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from callstream.contracts import call_events as call
from callstream.contracts import ivr_events as ivr
from callstream.contracts import queue_events as queue
from callstream.contracts.commands import COMMAND_TYPES, AnswerCall, Command, HangUpCall, PlayPrompts, QueuePosition, Reply
from callstream.contracts.config import Speech
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.lines import Number
from callstream.contracts.outcome import fold_all
from callstream.contracts.subjects import CONFIG_BUCKET, events_of
from callstream.kernel.outcomes import CallOutcome, Party, Reason, RequestOutcome
from callstream.runtime.config_watch import publication
from callstream.runtime.event_store import Subscription
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.streams import declare
from callstream.testing.apart import all_apart
from callstream_local.embedded.nats import EmbeddedNats

from .hotline import HOTLINE
from .world import CALLED, tell

PATIENCE_S = 20


class Surroundings:
    """What stands around ivr: log, gateway g1 and routing, each connected as the user that it is."""

    def __init__(self, nats: EmbeddedNats) -> None:
        self.nats = nats
        self.process: asyncio.subprocess.Process | None = None
        self.log: list[Recorded] = []
        self.commands: list[Command] = []
        self.ahead = 3
        self._moved = asyncio.Event()
        self._clients: list[Client] = []
        self._count = 0

    async def start(self) -> None:
        operator, gateway, routing = [await self._client(user) for user in ("operator", "media-gateway", "routing")]
        await declare(operator)
        number = Number(number=CALLED, flow_id=HOTLINE.id, flow_version=HOTLINE.version)
        for key, value in (publication("acme", HOTLINE, 1), publication("acme", number, 2)):
            await operator.jetstream().publish(f"$KV.{CONFIG_BUCKET}.{key}", value)
        self.gateway, self.routing = JetStreamStore(gateway, "media-gateway"), JetStreamStore(routing, "routing")
        await gateway.subscribe("cmd.media-gateway.g1.*", cb=self._command)
        await routing.subscribe("cmd.routing.acme.*", cb=self._command)
        filters = [events_of(aggregate) for aggregate in ("call", "ivr", "queue")]
        self._subscription: Subscription = await JetStreamStore(operator, "test").subscribe(filters, 0, self._arrived)

    async def stop(self) -> None:
        await self.kill()
        await self._subscription.stop()
        for client in self._clients:
            await client.close()

    async def boot(self) -> None:
        """Start the service."""
        env = {
            **os.environ,
            "CALLSTREAM_NATS_URL": self.nats.address,
            "CALLSTREAM_NATS_USER": "ivr",
            "CALLSTREAM_NATS_PASSWORD": self.nats.password("ivr"),
            "CALLSTREAM_LOG_LEVEL": "warning",
        }
        self.process = await asyncio.create_subprocess_exec(sys.executable, "-m", "callstream_ivr.main", env=env)

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """End the service and wait until it is gone; its exit status."""
        if self.process is None or self.process.returncode is not None:
            return 0
        self.process.send_signal(how)
        return await self.process.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looked at whenever a command or an event has come."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._moved.clear()
                await self._moved.wait()

    async def gateway_says(self, event: Event, call_id: str) -> None:
        await self._append(self.gateway, event, call_id, call_id)

    async def routing_says(self, event: Event, request_id: str, call_id: str) -> None:
        await self._append(self.routing, event, request_id, call_id)

    async def arrive(self, call_id: str) -> None:
        arrived = call.CallArrived(caller="+8613800000001", called=CALLED, trunk="t", gateway="g1", leg_id="LEG")
        await self.gateway_says(arrived, call_id)

    async def heard(self, call_id: str, text: str) -> PlayPrompts:
        """The playback of that text, once it was commanded."""
        await self.until(lambda: bool(self._plays(call_id, text)))
        return self._plays(call_id, text)[-1]

    async def finish(self, play: PlayPrompts, how: str = "completed") -> None:
        await self.gateway_says(call.PlaybackFinished(play_id=play.play_id, how=how), play.call_id)

    async def press(self, call_id: str, digit: str) -> None:
        await self.gateway_says(call.DigitReceived(digit=digit, leg_id="LEG"), call_id)

    def story(self, call_id: str) -> list[str]:
        events = [r.event for r in all_apart(self.log) if r.aggregate == "ivr" and r.aggregate_id == call_id]
        return [tell(event) for event in events]

    def of_call(self, call_id: str) -> list[Recorded]:
        return [r for r in self.log if r.correlation_id == call_id]

    def _plays(self, call_id: str, text: str) -> list[PlayPrompts]:
        plays = [command for command in self.commands if isinstance(command, PlayPrompts) and command.call_id == call_id]
        return [play for play in plays if text in " ".join(p.text for p in play.prompts if isinstance(p, Speech))]

    async def _client(self, user: str) -> Client:
        client = await self.nats.connect(user)
        self._clients.append(client)
        return client

    async def _append(self, store: JetStreamStore, event: Event, aggregate_id: str, call_id: str) -> None:
        self._count += 1
        new = NewEvent(
            id=f"T{self._count}",
            tenant="acme",
            aggregate_id=aggregate_id,
            time=datetime.now(UTC),
            event=event,
            correlation_id=call_id,
        )
        await store.append(event.AGGREGATE, aggregate_id, "acme", [new], None)

    async def _arrived(self, batch: list[Recorded]) -> None:
        self.log += batch
        self._moved.set()

    async def _command(self, message: Msg) -> None:
        """The gateway's and routing's answers: everything is accepted, and done once."""
        _, service, _, name = message.subject.split(".")
        command = msgspec.json.decode(message.data, type=COMMAND_TYPES[service, name])
        again = any(known.command_id == command.command_id for known in self.commands)
        self.commands.append(command)
        reply = Reply(accepted=True)
        match command:
            case QueuePosition():
                reply = Reply(accepted=True, result=msgspec.Raw(str(self.ahead).encode()))
            case AnswerCall() if not again:
                await self.gateway_says(call.CallAnswered(), command.call_id)
            case HangUpCall() if not again:
                await self.gateway_says(call.CallEnded(reason=command.reason, party=command.party), command.call_id)
        await message.respond(msgspec.json.encode(reply))
        self._moved.set()


@pytest.fixture
async def around(fresh_nats: EmbeddedNats) -> AsyncIterator[Surroundings]:
    surroundings = Surroundings(fresh_nats)
    await surroundings.start()
    await surroundings.boot()
    yield surroundings
    await surroundings.stop()


@pytest.mark.feature("F079", "F085")
async def test_a_key_pressed_while_the_process_is_dead_still_works(around: Surroundings) -> None:
    await around.arrive("A")
    await around.finish(await around.heard("A", "Welcome."))
    menu = await around.heard("A", "Sales 1")
    assert await around.kill() == -signal.SIGKILL
    await around.press("A", "1")
    await around.finish(menu, "interrupted")
    await around.boot()
    await around.heard("A", "One moment.")
    assert around.story("A") == ["start main.3", "enter welcome", "enter menu", "key 1: Sales", "request sales"]
    request = next(r.event for r in around.log if isinstance(r.event, ivr.AgentRequested))
    assert [entry.key for entry in request.trail] == ["1"]


async def test_an_outstanding_playback_is_commanded_again_under_its_id(around: Surroundings) -> None:
    await around.arrive("A")
    first = await around.heard("A", "Welcome.")
    await around.kill()
    before = len(around.commands)
    await around.boot()
    await around.until(lambda: len(around.commands) > before)
    assert around.commands[before:] == [first]


@pytest.mark.feature("F072", "F087")
async def test_a_whole_call_to_the_agent_with_a_kill_at_each_step(around: Surroundings) -> None:
    async def again() -> None:
        await around.kill()
        await around.boot()

    await around.arrive("A")
    await around.finish(await around.heard("A", "Welcome."))
    await around.heard("A", "Sales 1")
    await around.press("A", "9")
    await again()
    await around.heard("A", "Wrong key.")
    await around.press("A", "1")
    await around.finish(await around.heard("A", "One moment."))
    await around.heard("A", "3 before you.")
    around.ahead = 1
    await again()
    await around.finish(await around.heard("A", "1 before you."))
    await around.until(lambda: around.story("A").count("queue round") == 2)
    request_id = "A-r1"
    made = queue.OfferMade(
        offer_id="O1", call_id="A", gateway="g1", agent_id="1001", ring_deadline=datetime.now(UTC),
        decision=queue.Decision(rule="", rule_version=1, group_id="", waited_ms=0, ahead=0, eligible=1, candidates=()),
    )  # fmt: skip
    await around.routing_says(made, request_id, "A")
    await again()
    await around.gateway_says(call.OfferAnswered(offer_id="O1", request_id=request_id, agent_id="1001", leg_id="AG"), "A")
    await around.until(lambda: isinstance(around.log[-1].event, call.OfferAnswered))
    left = queue.ContactLeft(call_id="A", outcome=RequestOutcome.ANSWERED, reason=Reason.ANSWERED, waited_ms=1)
    await around.routing_says(left, request_id, "A")
    await around.gateway_says(call.CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER), "A")
    await around.until(lambda: isinstance(around.log[-1].event, call.CallEnded))
    assert around.story("A") == [
        *["start main.3", "enter welcome", "enter menu", "wrong key 9 (1)", "key 1: Sales", "request sales"],
        *["queue round", "queue round"],
    ]
    summary = fold_all(around.of_call("A"))
    assert summary is not None
    assert (summary.outcome, summary.agent_id, summary.offers) == (CallOutcome.ANSWERED, "1001", 1)
    assert not any(isinstance(command, HangUpCall) for command in around.commands)


@pytest.mark.feature("F082")
async def test_timers_run_and_the_call_is_hung_up_in_the_end(around: Surroundings) -> None:
    """Three wrong keys are too many; then a drain ends the process cleanly."""
    await around.arrive("A")
    await around.finish(await around.heard("A", "Welcome."))
    await around.heard("A", "Sales 1")
    for digit in "789":
        await around.press("A", digit)
    await around.until(lambda: any(isinstance(r.event, call.CallEnded) for r in around.log))
    summary = fold_all(around.of_call("A"))
    assert summary is not None
    assert (summary.outcome, summary.reason, summary.party) == (CallOutcome.IVR_ENDED, Reason.MAX_ERRORS, Party.SYSTEM)
    assert await around.kill(signal.SIGTERM) == 0


async def test_forty_calls_at_once_each_get_their_own(around: Surroundings) -> None:
    calls = [f"C{i}" for i in range(40)]
    await asyncio.gather(*(around.arrive(call_id) for call_id in calls))

    async def one(call_id: str, i: int) -> None:
        await around.finish(await around.heard(call_id, "Welcome."))
        await around.heard(call_id, "Sales 1")
        await around.press(call_id, "1" if i % 2 else "2")
        await around.until(lambda: any(line.startswith("request") for line in around.story(call_id)))

    await asyncio.gather(*(one(call_id, i) for i, call_id in enumerate(calls)))
    groups = [around.story(call_id)[-1] for call_id in calls]
    assert groups == ["request service", "request sales"] * 20
