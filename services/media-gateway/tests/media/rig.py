"""A media worker process as signalling sees it, for the tests of this directory."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from tests.plugins.ports import rtp_range

from callstream_media_gateway.media.arrays import I16
from callstream_media_gateway.media.client import MediaClient
from callstream_media_gateway.media.peer import RtpPeer, RtpPeers
from callstream_media_gateway.media.tone import tone_levels
from callstream_media_gateway.media.worker_commands import AnyCommand, Codec, CreateLeg
from callstream_media_gateway.media.worker_events import AnyEvent

Some = TypeVar("Some", bound=AnyEvent)


def start_worker(directory: Path, ports: str = "", *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "callstream_media_gateway.media.worker"),
            *("--socket", str(directory / "media.sock"), "--recordings", str(directory / "recordings")),
            *("--rtp-ports", ports or rtp_range(), *more),
        ]
    )


def usual_level(samples: I16, tone_hz: float) -> float:
    """Of a tone, in dBm0: the median of stretches of 50 ms, as a busy machine may bring a frame too late."""
    stretches = samples[: len(samples) // 400 * 400].reshape(-1, 400)
    return float(np.median([tone_levels(stretch, [tone_hz])[0] for stretch in stretches]))


@dataclass
class Rig:
    """One worker as signalling sees it. `events` in order of delivery."""

    directory: Path
    process: subprocess.Popen[bytes]
    phones: RtpPeers
    client: MediaClient = field(init=False)
    events: list[AnyEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def attach(self) -> MediaClient:
        self.client = await MediaClient.connect(str(self.directory / "media.sock"), self._on_event)
        return self.client

    def _on_event(self, event: AnyEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def event(self, kind: type[Some], timeout_s: float = 5.0, **fields: object) -> Some:
        """The first event of this kind with these fields, waited for."""

        def found() -> Some | None:
            for event in self.events:
                if isinstance(event, kind) and all(getattr(event, key) == value for key, value in fields.items()):
                    return event
            return None

        async with asyncio.timeout(timeout_s):
            while (event := found()) is None:
                self._news.clear()
                await self._news.wait()
        return event

    def kinds(self, kind: type[Some]) -> list[Some]:
        return [event for event in self.events if isinstance(event, kind)]

    async def do(self, *commands: AnyCommand) -> None:
        for command in commands:
            await self.client.request(command)

    async def phone(self, leg_id: str, tone_hz: int = 0, codec: Codec = "PCMA", call_id: str = "call") -> RtpPeer:
        """A leg with a phone on it that says a tone (0: silence)."""
        phone = self.phones.open({"PCMU": 0, "PCMA": 8}[codec])
        port = await self.client.create_leg(CreateLeg(leg_id, call_id, codec, remote=phone.address))
        phone.send_to = ("127.0.0.1", port)
        if tone_hz:
            phone.tone(tone_hz)
        return phone
