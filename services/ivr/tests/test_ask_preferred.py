"""The tenant's interface that names an agent before the call is queued (F093): asked once, bounded, never in the way."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from callstream.contracts import ivr_events as ivr
from callstream.contracts.call_events import CallArrived, CallEnded
from callstream.contracts.config import Hook, Settings
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.flow import TransferToAgent
from callstream.kernel.clock import ManualClock
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.origins import origin
from callstream_ivr.adapters.hooks import MAX_ANSWER, Hooks
from callstream_ivr.app.ask_preferred import AskPreferred, HookFailed
from callstream_ivr.app.react import React
from callstream_ivr.domain.graph import Graph
from callstream_ivr.domain.sessions import Sessions

from .hotline import flow
from .world import CALL, CALLED, CALLER, T0, TENANT, Published

HOOK = Hook(url="https://crm.example.com/agents?tenant=7", timeout_ms=300)
NODE = TransferToAgent(id="sales", group_id="sales", failed="bye", preferred_agent="1009", ask_preferred=True)


class Interface:
    """Answers as told, when told."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask(self, _: Hook, data: Mapping[str, Any]) -> str:
        self.asked.append(data)
        return await asyncio.shield(self.answer)


class Ivr:
    """The reaction of a call in front of a transfer node."""

    def __init__(self, node: TransferToAgent = NODE, hook: Hook | None = HOOK) -> None:
        self.interface, self.sessions, self.made = Interface(), Sessions(), Appends()
        self.looked_at = asyncio.Event()
        catalogue = Published(Graph(flow(node)), True, "none", Settings(preferred_agent_hook=hook))
        self.ask = AskPreferred(self.interface, catalogue, self._again)
        self.react = React(self.sessions, catalogue, self.made, NoCommands(), self.ask, ManualClock(T0))  # type: ignore[arg-type]
        self._seq = 0
        self.tell(CallArrived(caller=CALLER, called=CALLED, trunk="t", gateway="g1", leg_id="LEG"))
        self.tell(ivr.IvrStarted(flow_id="main", flow_version=3, number=CALLED, handled=1))

    def tell(self, event: Event) -> None:
        self._seq += 1
        self.sessions.evolve(
            Recorded(
                seq=self._seq,
                id=f"E{self._seq}",
                tenant=TENANT,
                aggregate=event.AGGREGATE,
                aggregate_id=CALL,
                time=T0,
                event=event,
            )
        )

    def _again(self, call_id: str) -> None:
        self.sessions.changed[call_id] = None
        self.looked_at.set()

    async def appended(self) -> list[Event]:
        self.react()
        return self.made.events

    async def preferred(self) -> str:
        """Of the request that is made once the interface has answered, or has not."""
        assert await self.appended() == []
        async with asyncio.timeout(5):
            await self.looked_at.wait()
        (request,) = await self.appended()
        assert isinstance(request, ivr.AgentRequested)
        return request.preferred_agent


class Appends:
    """Stands where appends are under way: keeps what is asked for."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __contains__(self, _: object) -> bool:
        return bool(self.events)

    def append(self, _: str, __: str, ___: str, events: list[NewEvent], expected: int) -> None:
        self.events += [new.event for new in events]


class NoCommands:
    def __call__(self, *_: object) -> None: ...
    def forget(self, _: str) -> None: ...
    def refusal_of(self, _: str) -> None: ...


async def test_the_agent_that_is_named_is_preferred() -> None:
    house = Ivr()
    house.interface.answer.set_result("1003")
    assert await house.preferred() == "1003"
    (data,) = house.interface.asked
    assert data == {
        "call_id": CALL,
        "request_id": f"{CALL}-r1",
        "caller": CALLER,
        "called": CALLED,
        "group_id": "sales",
        "trail": [],
    }


async def test_who_names_nobody_leaves_it_to_the_flow() -> None:
    house = Ivr()
    house.interface.answer.set_result("")
    assert await house.preferred() == "1009"


@pytest.mark.parametrize("error", [HookFailed("HTTP 500"), RuntimeError("a fault of ours")])
async def test_a_failure_leads_to_the_normal_rules(error: Exception) -> None:
    house = Ivr()
    house.interface.answer.set_exception(error)
    assert await house.preferred() == "1009"


async def test_silence_is_waited_for_no_longer_than_told_and_asked_once() -> None:
    house = Ivr()
    for _ in range(3):
        house.sessions.changed[CALL] = None
        house.react()
    assert await house.preferred() == "1009"
    assert len(house.interface.asked) == 1


@pytest.mark.parametrize(("node", "hook"), [(NODE, None), (TransferToAgent(id="sales", group_id="sales", failed="bye"), HOOK)])
async def test_nobody_is_asked_who_is_not_told_to(node: TransferToAgent, hook: Hook | None) -> None:
    house = Ivr(node, hook)
    (request,) = await house.appended()
    assert isinstance(request, ivr.AgentRequested)
    assert request.preferred_agent == (node.preferred_agent or "")
    assert house.interface.asked == []


async def test_a_caller_who_leaves_meanwhile_is_not_queued() -> None:
    house = Ivr()
    assert await house.appended() == []
    house.tell(CallEnded(reason=Reason.CALLER_HUNG_UP, party=Party.CUSTOMER))
    assert await house.appended() == []
    assert house.ask._asked == {}, "nobody waits for the answer any more"


# over HTTP


def hooks(handler: Any, *origins: str) -> Hooks:
    return Hooks(frozenset(origins or ("https://crm.example.com",)), httpx.MockTransport(handler))


@pytest.mark.parametrize(
    ("response", "named"),
    [
        (httpx.Response(200, json={"agent_id": "1003"}), "1003"),
        (httpx.Response(200, json={"agent_id": None}), ""),
        (httpx.Response(200, json={}), ""),
        (httpx.Response(204), ""),
    ],
)
async def test_answers(response: httpx.Response, named: str) -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return response

    asking = hooks(handle)
    assert await asking.ask(HOOK, {"caller": "+1"}) == named
    (request,) = seen
    assert (request.method, str(request.url), request.content) == ("POST", HOOK.url, b'{"caller":"+1"}')
    await asking.close()


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx.Response(500), "HTTP 500"),
        (httpx.Response(302, headers={"location": "http://169.254.169.254/"}), "HTTP 302"),
        (httpx.Response(200, content=b"<html>"), "not an answer"),
        (httpx.Response(200, json={"agent_id": "not an id!"}), "not an answer"),
        (httpx.Response(200, content=b" " * (MAX_ANSWER + 1)), "bytes"),
    ],
)
async def test_what_is_no_answer(response: httpx.Response, why: str) -> None:
    with pytest.raises(HookFailed, match=why):
        await hooks(lambda _: response).ask(HOOK, {})


async def test_a_server_that_cannot_be_reached_is_no_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(HookFailed, match="ConnectError"):
        await hooks(refuse).ask(HOOK, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/agents",
        "https://crm.example.com:8443/agents",
        "https://crm.example.com.evil.example/agents",
        "https://evil.example/https://crm.example.com/",
        "https://127.0.0.1/agents",
        "http://169.254.169.254/latest",
        "https://crm.example.com\\.evil.example/",
    ],
)
async def test_origins_that_the_operator_has_not_named_are_never_asked(url: str) -> None:
    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError("asked")

    with pytest.raises(HookFailed, match="not allowed"):
        await hooks(never).ask(Hook(url=url), {})


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://CRM.example.com:8443/a?b=https://x/") == "https://crm.example.com:8443"
    assert origin("https://[::1") == ""
