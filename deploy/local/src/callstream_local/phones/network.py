"""All phones of a simulation behind one SIP user agent and one 20 ms audio clock."""

import asyncio
import itertools
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from callstream_local.phones.agent_phone import AgentPhone
from callstream_local.phones.caller import GIVE_UP_S, Caller
from callstream_local.phones.ear import Ear
from callstream_local.phones.line import Line
from callstream_local.phones.plans import AgentPlan, CallPlan
from callstream_media_gateway.media.peer import RtpPeers
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.handler import Hop, Reply, UserAgentConfig
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.registration import Registration
from callstream_media_gateway.sip.user_agent import UserAgent

REGISTRATION_S = 300


class PhoneNetwork:
    """`async with PhoneNetwork((host, port)) as network:`; the address is the gateway's. Leaving it ends all calls' audio."""

    def __init__(self, gateway: tuple[str, int], *, host: str = "127.0.0.1", transport: str = "udp") -> None:
        self.phones: dict[str, AgentPhone] = {}
        self.gateway = Hop(transport, *gateway)
        self.user_agent = UserAgent(UserAgentConfig(host=host, name="Callstream simulated phones"), _Handler(self.phones))
        self._peers = RtpPeers(host)
        self._ear = Ear()
        self._sessions = itertools.count(1)
        self._registrations: list[Registration] = []
        self.lines: dict[int, Line] = {}
        """The newest line of each tone."""

    async def __aenter__(self) -> Self:
        await self.user_agent.start()
        await self._peers.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._peers.__aexit__(kind, error, trace)
        await self.user_agent.stop()

    async def agent_phone(self, plan: AgentPlan) -> AgentPhone:
        """A desk phone, registered with digest. Raises RegistrationError."""
        phone = AgentPhone(plan, self.new_line, now_utc)
        self.phones[plan.user] = phone
        host, port = self.gateway.host, self.gateway.port
        aor = f"sip:{plan.user}@{host}:{port}"
        credentials = Credentials(plan.user, plan.password)
        self._registrations.append(await self.user_agent.register(aor, self.gateway, credentials, REGISTRATION_S))
        return phone

    async def unregister(self) -> None:
        """Take all phones off the gateway."""
        registrations, self._registrations = self._registrations, []
        await asyncio.gather(*(registration.unregister() for registration in registrations))

    def caller(self, plan: CallPlan, give_up_s: float = GIVE_UP_S) -> Caller:
        """A caller who has not dialled yet."""
        return Caller(self.user_agent, self.gateway, self.new_line, plan, now_utc, give_up_s)

    def new_line(self, tone_hz: int) -> Line:
        """One end of a call with a free audio port, saying this tone once connected."""
        peer = self._peers.open()
        line = Line(peer, self._ear, tone_hz, next(self._sessions), lambda: self._peers.close(peer))
        self.lines[tone_hz] = line
        return line


class _Handler:
    """The user agent's decisions: INVITEs ring the phone that they name, anything else is none of ours."""

    def __init__(self, phones: dict[str, AgentPhone]) -> None:
        self._phones = phones
        self._ringing: set[asyncio.Task[None]] = set()

    def accept_source(self, request: Request, source: Hop) -> int | None:  # noqa: ARG002
        return None

    def on_invite(self, call: IncomingCall) -> None:
        phone = self._phones.get(call.request_uri.user or "")
        if phone is None:
            call.reject(404)
            return
        task = asyncio.create_task(phone.ring(call), name=f"phone {phone.plan.user}")
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    def on_register(self, request: Request, source: Hop) -> Reply:  # noqa: ARG002
        return Reply(405)

    def on_options(self, request: Request, source: Hop) -> Reply:  # noqa: ARG002
        return Reply(200)


def now_utc() -> datetime:
    return datetime.now(UTC)
