"""The load generator, a process of its own: callers and agents' phones on one SIP user agent, without audio.

A caller dials and waits until the other side hangs up. A phone rings, is picked up at once, and hangs up `talk_s` after that.
All say where they want RTP: a port that nobody reads.

    python -m callstream_local.bench.crowd     orders on standard input (crowd_orders), answers on standard output
"""

import asyncio
import gc
import itertools
import random
import socket
import sys
import time
from collections import Counter

import msgspec
import uvloop

from callstream_local.bench.crowd_orders import Broken, KeepWaiting, Order, Outcome, PlaceCalls, Ready, Setup
from callstream_media_gateway.sip.dialog import Dialog, Ending
from callstream_media_gateway.sip.digest import Credentials
from callstream_media_gateway.sip.errors import CallOverError, RegistrationError
from callstream_media_gateway.sip.handler import Hop, Reply, UserAgentConfig
from callstream_media_gateway.sip.incoming_call import IncomingCall
from callstream_media_gateway.sip.message import Request
from callstream_media_gateway.sip.offer_answer import make_answer, make_offer
from callstream_media_gateway.sip.outgoing_call import OutgoingCall
from callstream_media_gateway.sip.sdp import SessionDescription
from callstream_media_gateway.sip.uri import Uri
from callstream_media_gateway.sip.user_agent import UserAgent

HOST = "127.0.0.1"
LAST_CALLS_S = 20.0
"""How long calls may take after the last one was placed."""
REGISTRATION_S = 3600
REPEATS = ("retransmissions_in", "retransmissions_out")


class Crowd:
    """Everybody on the other side of the gateway."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._gateway = Hop("udp", setup.host, setup.port)
        self._target = Uri.parse(f"sip:{setup.number}@{setup.host}:{setup.port}", "number")
        self._nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._nobody.bind((HOST, 0))
        self._nobody.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        self._rtp_port: int = self._nobody.getsockname()[1]
        self._user_agent = UserAgent(UserAgentConfig(host=HOST, name="Callstream bench"), self)
        self._numbers = itertools.count(1)
        self._random = random.Random(1)
        self._loop = asyncio.get_running_loop()
        self._outcome = Outcome()
        self._failed: Counter[str] = Counter()
        self._open: set[Caller] = set()
        self._someone_left = asyncio.Event()

    async def start(self) -> None:
        """Register all phones. Raises RegistrationError."""
        await self._user_agent.start()
        gate = asyncio.Semaphore(20)

        async def register(user: str, password: str) -> None:
            async with gate:
                aor = f"sip:{user}@{self._setup.host}:{self._setup.port}"
                await self._user_agent.register(aor, self._gateway, Credentials(user, password), REGISTRATION_S)

        await asyncio.gather(*(register(*phone) for phone in self._setup.phones.items()))

    async def place_calls(self, order: PlaceCalls) -> Outcome:
        """See the order."""
        self._begin()
        began = self._loop.time()
        for index in range(round(order.rate * order.seconds)):
            due = began + index / order.rate
            wait = due - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            self._outcome.late_ms = max(self._outcome.late_ms, -wait * 1000)
            self._dial()
        return await self._end(began)

    async def keep_waiting(self, order: KeepWaiting) -> Outcome:
        """See the order."""
        self._begin()
        began = self._loop.time()
        while (left := began + order.seconds - self._loop.time()) > 0:
            while len(self._open) < order.callers:
                self._dial()
            self._someone_left.clear()
            try:
                async with asyncio.timeout(left):
                    await self._someone_left.wait()
            except TimeoutError:
                break
        return await self._end(began)

    # one measurement

    def _begin(self) -> None:
        self._outcome, self._failed = Outcome(), Counter()
        self._repeats_before = self._repeats()
        self._cpu_before = time.process_time()

    async def _end(self, began: float) -> Outcome:
        try:
            async with asyncio.timeout(LAST_CALLS_S):
                while self._open:
                    self._someone_left.clear()
                    await self._someone_left.wait()
        except TimeoutError:
            for caller in list(self._open):
                caller.give_up()
        outcome = self._outcome
        outcome.failed = dict(self._failed)
        outcome.repeats = self._repeats() - self._repeats_before
        outcome.cpu_s = time.process_time() - self._cpu_before
        outcome.seconds = self._loop.time() - began
        return outcome

    def _repeats(self) -> int:
        return sum(self._user_agent.counters[name] for name in REPEATS)

    def _dial(self) -> None:
        self._outcome.placed += 1
        number = next(self._numbers)
        offer = make_offer(HOST, self._rtp_port, session_id=number)
        caller = f"<sip:+8613{number:09d}@{HOST}>"
        outgoing = self._user_agent.invite(self._target, from_=caller, sdp=offer, next_hop=self._gateway)
        self._open.add(Caller(self, outgoing))

    def over(self, caller: "Caller", problem: str) -> None:
        """A call has ended; `problem` is empty when as it should."""
        self._open.discard(caller)
        self._someone_left.set()
        if problem:
            self._failed[problem] += 1
            return
        now = self._loop.time()
        self._outcome.completed += 1
        self._outcome.answer_ms.append((caller.answered_at - caller.dialled_at) * 1000)
        self._outcome.whole_ms.append((now - caller.dialled_at) * 1000)

    # the agents' phones: UserAgentHandler

    def accept_source(self, request: Request, source: Hop) -> int | None:  # noqa: ARG002
        """Everybody may call."""
        return None

    def on_invite(self, call: IncomingCall) -> None:
        """Ring, pick up, hang up after a while."""
        self._outcome.rang.append((call.request_uri.user or "", time.time()))
        if call.offer is None:
            call.reject(488)
            return
        call.provisional(180)
        try:
            dialog = call.answer(make_answer(call.offer, HOST, self._rtp_port, session_id=next(self._numbers)))
        except CallOverError:
            return
        talk_s = self._setup.talk_s
        self._loop.call_later(self._random.expovariate(1 / talk_s) if self._setup.varied else talk_s, dialog.bye)

    def on_register(self, request: Request, source: Hop) -> Reply:  # noqa: ARG002
        """Nobody registers with a phone."""
        return Reply(405)

    def on_options(self, request: Request, source: Hop) -> Reply:  # noqa: ARG002
        """Alive."""
        return Reply(200)


class Caller:
    """One call from its INVITE to its end."""

    def __init__(self, crowd: Crowd, outgoing: OutgoingCall) -> None:
        self.dialled_at = asyncio.get_running_loop().time()
        self.answered_at = 0.0
        self._crowd, self._outgoing = crowd, outgoing
        self._dialog: Dialog | None = None
        outgoing.on_answered = self._answered
        outgoing.on_failed = self._refused

    def give_up(self) -> None:
        """Nothing has happened for too long."""
        if self._dialog is None:
            self._crowd.over(self, "not answered in time")
            self._outgoing.on_failed = lambda _code, _reason: None
            self._outgoing.cancel()
        else:
            self._crowd.over(self, "not connected in time")
            self._dialog.bye()

    def _answered(self, dialog: Dialog, _: SessionDescription) -> None:
        self.answered_at = asyncio.get_running_loop().time()
        self._dialog = dialog
        dialog.on_bye = self._ended

    def _refused(self, code: int, reason: str) -> None:
        self._crowd.over(self, f"{code} {reason}")

    def _ended(self, ending: Ending) -> None:
        self._crowd.over(self, "" if ending == "bye" else f"ended by {ending}")


async def serve() -> None:
    """Carry out orders until standard input ends."""
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    decoder = msgspec.json.Decoder(Order)
    crowd: Crowd | None = None
    while line := await reader.readline():
        order = decoder.decode(line)
        answer: Ready | Broken | Outcome
        match order:
            case Setup():
                try:
                    crowd = Crowd(order)
                    await crowd.start()
                    answer = Ready()
                except (OSError, RegistrationError) as error:
                    answer = Broken(f"phones not registered: {error}")
            case PlaceCalls() if crowd is not None:
                answer = await crowd.place_calls(order)
            case KeepWaiting() if crowd is not None:
                answer = await crowd.keep_waiting(order)
            case _:
                answer = Broken("no phones are set up")
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
        gc.collect()


if __name__ == "__main__":
    gc.freeze()
    uvloop.run(serve())
