"""A gateway on real NATS with a real media worker; the test plays trunk, agents' phones, ivr and routing."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from nats.aio.client import Client
from tests.plugins.ports import rtp_range

from callstream.contracts import commands as cmd
from callstream.contracts.call_events import CallArrived
from callstream.contracts.config import Agent, AudioFile, Document, Prompt
from callstream.contracts.credentials import SipCredential
from callstream.contracts.envelope import Event, NewEvent, Recorded
from callstream.contracts.lines import Number, Trunk
from callstream.contracts.queue_events import Decision, OfferMade, OfferWithdrawn
from callstream.contracts.subjects import CONFIG_BUCKET, CREDENTIALS_BUCKET
from callstream.kernel.clock import SystemClock
from callstream.kernel.outcomes import Reason
from callstream.runtime.bucket import BucketSettings
from callstream.runtime.commands import Commands
from callstream.runtime.config_watch import publication
from callstream.runtime.jetstream_store import JetStreamStore
from callstream.runtime.service import Service
from callstream.runtime.settings import Settings
from callstream.runtime.streams import declare
from callstream.testing.apart import all_apart
from callstream_local.embedded.nats import EmbeddedNats
from callstream_media_gateway import main
from callstream_media_gateway.config import GatewayConfig
from callstream_media_gateway.media.audiofile import save
from callstream_media_gateway.media.peer import RtpPeers
from callstream_media_gateway.media.tone import sines
from callstream_media_gateway.sip.digest import ha1
from callstream_media_gateway.sip.handler import Hop

from .phone import BOUND_S, Phone

REALM = "callstream"
NUMBER = "+862166668888"
PROMPT_HZ, CONNECT_HZ, CALLER_HZ, AGENT_HZ = 400, 500, 700, 900
TONES = (PROMPT_HZ, CONNECT_HZ, CALLER_HZ, AGENT_HZ)
OTHERS = {hz: tuple(other for other in TONES if other != hz) for hz in TONES}

Some = TypeVar("Some", bound=Event)


class House:
    """See `house`. One tenant, one trunk from 127.0.0.1, agents `1001` and `1002` with phones of the same names."""

    def __init__(self, nats: EmbeddedNats, folder: Path, peers: RtpPeers) -> None:
        self.nats, self.folder, self.peers = nats, folder, peers
        self.tenant = f"t{secrets.token_hex(4)}"
        self.instance = f"gw-{secrets.token_hex(4)}"
        self.media_timeout_s = 30
        self.bucket: BucketSettings | None = None
        self.wss_port: int | None = None
        self.tls_port: int | None = None
        self.sip_port = 0
        """Of the next gateway; 0: any."""
        self.log: list[Recorded] = []
        """Fact by fact."""
        self.phones: list[Phone] = []
        self.service: Service
        self.gateway: main.Gateway
        self.worker: subprocess.Popen[bytes]
        self.nc: Client
        self.store: JetStreamStore
        self.commands: Commands
        self._news = asyncio.Condition()
        self._ids = count(1)
        self._queue_seq: dict[str, int] = {}

    # life

    async def open(self) -> None:
        self.nc = await self.nats.connect()
        await declare(self.nc)
        self.store = JetStreamStore(self.nc, "test")
        self.commands = Commands(self.nc)
        self._log = await self.store.subscribe([f"cs.{self.tenant}.>"], 0, self._take)
        for name, hz in (("menu", PROMPT_HZ), ("connect", CONNECT_HZ)):
            (self.folder / "prompts").mkdir(exist_ok=True)
            save(self.folder / "prompts" / f"{name}.wav", sines((hz,), 8000))
            await self.publish(AudioFile(id=name, name=name, path=f"{name}.wav", sha256=""))
        await self.publish(Trunk(id="carrier", peers=("127.0.0.1",), country="CN", max_calls=2))
        await self.publish(Number(number=NUMBER, flow_id="main", flow_version=1))
        for agent in ("1001", "1002"):
            user = f"{self.tenant}-{agent}"
            await self.publish(Agent(id=agent, name=agent, email=f"a{agent}@acme.test", sip_user=user))
            md5, sha256 = (ha1(algorithm, user, REALM, "secret") for algorithm in ("MD5", "SHA-256"))
            await self.publish(
                SipCredential(sip_user=user, agent_id=agent, realm=REALM, ha1_md5=md5, ha1_sha256=sha256), CREDENTIALS_BUCKET
            )
        self.start_worker()
        await self.start_gateway()

    def start_worker(self) -> None:
        self.worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "callstream_media_gateway.media.worker"),
                *("--socket", str(self.folder / "media.sock"), "--recordings", str(self.folder / "recordings")),
                *("--rtp-ports", rtp_range()),
            ]
        )

    async def start_gateway(self) -> None:
        self.service = Service(
            Settings(
                service="media-gateway",
                instance=self.instance,
                nats_url=self.nats.address,
                nats_user="media-gateway",
                nats_password=self.nats.password("media-gateway"),
            )
        )
        config = GatewayConfig(
            sip_host="127.0.0.1",
            sip_port=self.sip_port,
            sip_advertised_host=None,
            media_socket=self.folder / "media.sock",
            data_dir=self.folder,
            media_timeout_s=self.media_timeout_s,
            drain_s=1,
            bucket=self.bucket,
            sip_wss_port=self.wss_port,
            sip_tls_port=self.tls_port,
        )

        async def wire(service: Service) -> None:
            self.gateway = main.assemble(service, config)

        await self.service.start(wire)

    async def close(self) -> None:
        for phone in self.phones:
            await phone.ua.stop()
        await self.service.stop()
        with contextlib.suppress(ProcessLookupError):
            self.worker.kill()
        self.worker.wait()
        await self._log.stop()
        await self.nc.close()

    async def publish(self, document: Document, bucket: str = CONFIG_BUCKET) -> None:
        key, value = publication(self.tenant, document, 1)
        await self.nc.jetstream().publish(f"$KV.{bucket}.{key}", value)

    # people

    @property
    def hop(self) -> Hop:
        return Hop("udp", *self.gateway.user_agent.local_addr)

    async def phone(self, tone_hz: int) -> Phone:
        phone = Phone(self.peers.open(), tone_hz)
        await phone.ua.start()
        self.phones.append(phone)
        return phone

    async def caller(self, number: str = "02166668888", **more: Any) -> Phone:
        """Somebody who has dialled."""
        phone = await self.phone(CALLER_HZ)
        phone.call(f"sip:{number}@{self.hop.host}:{self.hop.port}", **more)
        return phone

    async def agent(self, agent_id: str = "1001") -> Phone:
        """A registered desk phone that rings when called."""
        phone = await self.phone(AGENT_HZ)
        await phone.register(f"{self.tenant}-{agent_id}", "secret", self.hop)
        return phone

    # ivr and routing

    async def send(self, command: type[cmd.Command], **fields: Any) -> cmd.Reply:
        return await self.commands.send(command(command_id=f"c{secrets.token_hex(6)}", **fields), scope=self.instance)

    async def answer(self, call_id: str) -> None:
        reply = await self.send(cmd.AnswerCall, call_id=call_id)
        assert reply.accepted, reply

    async def play(self, call_id: str, prompts: Sequence[Prompt], play_id: str = "p1", **more: Any) -> cmd.Reply:
        return await self.send(cmd.PlayPrompts, call_id=call_id, play_id=play_id, prompts=tuple(prompts), **more)

    async def offer(
        self,
        call_id: str,
        agent_id: str = "1001",
        connect: Sequence[Prompt] = (),
        offer_id: str = "",
        request_id: str = "",
        **where: str,
    ) -> str:
        """Write an offer into the log, of this request or one of its own; its id."""
        offer_id = offer_id or f"o{secrets.token_hex(6)}"
        now = SystemClock().now()
        made = OfferMade(
            offer_id=offer_id,
            call_id=call_id,
            gateway=self.instance,
            agent_id=agent_id,
            ring_deadline=now + timedelta(seconds=30),
            decision=Decision(rule="longest-idle", rule_version=1, group_id="g", waited_ms=0, ahead=0, eligible=1, candidates=()),
            connect_prompt=tuple(connect),
            **where,
        )
        await self._write(request_id or f"r-{offer_id}", made)
        return offer_id

    async def withdraw(self, call_id: str, offer_id: str, agent_id: str = "1001", reason: Reason = Reason.RING_TIMEOUT) -> None:
        withdrawn = OfferWithdrawn(offer_id=offer_id, call_id=call_id, agent_id=agent_id, reason=reason)
        await self._write(f"r-{offer_id}", withdrawn)

    async def _write(self, request_id: str, fact: Event) -> None:
        new = NewEvent(
            id=f"test-{self.tenant}-{next(self._ids)}",
            tenant=self.tenant,
            aggregate_id=request_id,
            time=SystemClock().now(),
            event=fact,
        )
        expected = self._queue_seq.get(request_id, 0)
        self._queue_seq[request_id] = await self.store.append("queue", request_id, self.tenant, [new], expected)

    # the log

    async def event(self, kind: type[Some], call_id: str = "", times: int = 1, **fields: Any) -> Some:
        """The newest event of this kind with these fields, waited for."""

        def found() -> list[Some]:
            return [
                r.event
                for r in self.log
                if isinstance(r.event, kind)
                and (not call_id or r.aggregate_id == call_id)
                and all(getattr(r.event, name) == value for name, value in fields.items())
            ]

        async with asyncio.timeout(BOUND_S), self._news:
            await self._news.wait_for(lambda: len(found()) >= times)
        return found()[-1]

    def story(self, call_id: str) -> list[str]:
        """Names of the call's events so far."""
        return [r.event.NAME for r in self.log if r.aggregate == "call" and r.aggregate_id == call_id]

    async def call_id(self, number: int = 1) -> str:
        """Of the call that arrived as the n-th."""
        await self.event(CallArrived, times=number)
        return self.call_ids()[number - 1]

    def call_ids(self) -> list[str]:
        return [r.aggregate_id for r in self.log if r.event.TYPE == "call.arrived.v1"]

    async def _take(self, batch: list[Recorded]) -> None:
        async with self._news:
            self.log += all_apart(batch)
            self._news.notify_all()


@asynccontextmanager
async def house(nats: EmbeddedNats, folder: Path, **settings: Any) -> AsyncIterator[House]:
    """An open house; `settings` are attributes of House."""
    async with RtpPeers() as peers:
        made = House(nats, folder, peers)
        for name, value in settings.items():
            setattr(made, name, value)
        try:
            await made.open()
            yield made
        finally:
            await made.close()
