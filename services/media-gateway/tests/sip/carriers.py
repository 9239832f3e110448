"""Carriers on loopback that behave as a test says, and the gateway's side of trunks without calls around it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from callstream.contracts.config import Agent, Document
from callstream.contracts.credentials import TrunkCredential
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.outbound import Outgoing
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.config_watch import Configuration, Credentials
from callstream_media_gateway.adapters.region_table import load
from callstream_media_gateway.adapters.trunk_leg import TrunkLeg
from callstream_media_gateway.app.dial_out import DialOut
from callstream_media_gateway.app.trunks import Trunks
from callstream_media_gateway.domain.inputs import Input
from callstream_media_gateway.sip.handler import Reply
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request

from .phones import BOUND, FAST, Phone, until

TENANT, SHOWN, CALLEE = "acme", "+861055501234", "+8613900000001"
NUMBER = Number(number=SHOWN, flow_id="f", flow_version=1, all_agents=True)
ANN = Agent(id="ann", name="Ann", email="ann@acme.test", sip_user="ann", groups=("sales",))
REGIONS = load()


class Carrier(Phone):
    """Answers OPTIONS with `options`; `when_called` decides about calls."""

    def __init__(self) -> None:
        super().__init__(**FAST)
        self.options = 200
        self.asked = 0

    def accept_source(self, request: Request, source: Any) -> int | None:
        self.asked += request.method == "OPTIONS"
        return None

    def on_options(self, request: Request, source: Any) -> Reply:
        return Reply(self.options)

    def rejects(self, code: int) -> None:
        self.when_called = lambda call: call.reject(code)

    def rings(self) -> None:
        self.when_called = lambda call: call.provisional(180)

    def picks_up(self) -> None:
        def pick_up(call: IncomingCall) -> None:
            call.provisional(180)
            self.answer(call)

        self.when_called = pick_up


class Media:
    """What the worker was told."""

    rtp_host = "127.0.0.1"

    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, command: Any) -> None:
        self.told.append(command)


class Side:
    """The gateway's: configuration, trunks, and legs with all that they have fed."""

    def __init__(self, documents: list[Document], credentials: list[Document], **config: Any) -> None:
        self.ua = Phone(**FAST, **config).ua
        self.configuration = Configuration.of({TENANT: [NUMBER, ANN, *documents]})
        self.credentials = Credentials.of({TENANT: credentials})
        self.media = Media()
        self.now = 1000.0
        self.trunks = Trunks(self.configuration, self.credentials, self.ua, lambda: self.now, lambda: 0.0)
        media: Any = self.media
        times: Any = (lambda: self.now, lambda _: 0)
        self.dial_out = DialOut(self.configuration, self.trunks, REGIONS, self.ua, media, 0, self._refuse, *times)
        self.fed: list[Input] = []
        self.refused: list[tuple[str, str, str, Reason]] = []

    def _refuse(self, tenant: str, agent_id: str, typed: str, wish: str, why: Refusal) -> None:
        assert tenant == TENANT
        self.refused.append((agent_id, typed, wish, why.reason))

    def dial(self, typed: str = CALLEE, **more: Any) -> TrunkLeg:
        """A dial of Ann's whose leg is being rung."""
        leg = self.dial_out.leg(self.dial_out.prepare(TENANT, "ann", typed, **more), "leg-1", self.fed.append)
        leg.session.opened(40_000)
        leg.invite()
        return leg

    async def gets(self, kind: type[Input]) -> Any:
        """The newest input of a kind, waited for."""
        await until(lambda: any(isinstance(given, kind) for given in self.fed))
        return next(given for given in reversed(self.fed) if isinstance(given, kind))

    def calls(self, *names: str) -> list[int]:
        return [self.trunks.state(TENANT, name).calls for name in names]


@asynccontextmanager
async def side(*documents: Document, credentials: tuple[TrunkCredential, ...] = (), **config: Any) -> AsyncIterator[Side]:
    """Started; nothing is asked or registered before `trunks.start()`."""
    made = Side(list(documents), list(credentials), **config)
    await made.ua.start()
    try:
        yield made
    finally:
        await made.trunks.stop()
        await made.ua.stop()


@asynccontextmanager
async def carriers(count: int) -> AsyncIterator[list[Carrier]]:
    made = [Carrier() for _ in range(count)]
    try:
        for carrier in made:
            await carrier.ua.start()
        yield made
    finally:
        for carrier in made:
            await carrier.ua.stop()


@contextmanager
def silent_port() -> Iterator[int]:
    """A socket that takes everything and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        yield int(sink.getsockname()[1])


def trunk(name: str, port: int | Carrier, priority: int = 1, **more: Any) -> Trunk:
    """An outgoing trunk; `more` are fields of Outgoing, or of the trunk itself."""
    own = {field: more.pop(field) for field in ("registration", "peers", "country") if field in more}
    at = port if isinstance(port, int) else port.ua.local_addr[1]
    return Trunk(id=name, outgoing=Outgoing(host="127.0.0.1", port=at, priority=priority, **more), **own)


async def eventually(condition: Callable[[], Any]) -> None:
    """As `until`, for what takes seconds by its nature."""
    async with asyncio.timeout(2 * BOUND):
        while not condition():
            await asyncio.sleep(0.02)
