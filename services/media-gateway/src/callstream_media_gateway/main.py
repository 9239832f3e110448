"""media-gateway's signalling process: `python -m callstream_media_gateway.main`. The media worker is another process."""

import asyncio
import contextlib
import resource
import sys
from secrets import randbits

import structlog

from callstream.contracts import call_commands, commands
from callstream.contracts.subjects import ANY
from callstream.contracts.trunk_commands import ListTrunks
from callstream.kernel.ids import ulid
from callstream.kernel.outcomes import Party, Reason
from callstream.runtime.event_store import Subscription
from callstream.runtime.link import Link
from callstream.runtime.origins import hook_origins
from callstream.runtime.service import Service, run
from callstream.runtime.tenant_buckets import TenantBuckets
from callstream_media_gateway import metrics
from callstream_media_gateway.adapters import region_table
from callstream_media_gateway.adapters.archives import Archives
from callstream_media_gateway.adapters.encoder import Encoder
from callstream_media_gateway.adapters.media_side import MediaSide
from callstream_media_gateway.adapters.note_file import NoteFile
from callstream_media_gateway.adapters.outbox import LogHealth
from callstream_media_gateway.adapters.phones import Phones
from callstream_media_gateway.adapters.prompts import Prompts
from callstream_media_gateway.adapters.recordings import Leftover
from callstream_media_gateway.adapters.secure_sip import renewal, user_agent_config
from callstream_media_gateway.adapters.speech import SpokenTexts
from callstream_media_gateway.app.dial_out import DialOut
from callstream_media_gateway.app.finish_recording import FinishRecording
from callstream_media_gateway.app.housekeeping import Housekeeping
from callstream_media_gateway.app.keep_notes import KeepNotes
from callstream_media_gateway.app.list_trunks import ListTheTrunks
from callstream_media_gateway.app.on_command import OnCommand
from callstream_media_gateway.app.on_control import SIMPLE, OnControl
from callstream_media_gateway.app.on_dial import OnDial
from callstream_media_gateway.app.on_invite import OnInvite
from callstream_media_gateway.app.on_media_event import OnMediaEvent
from callstream_media_gateway.app.on_phone_call import OnPhoneCall
from callstream_media_gateway.app.on_queue_event import FILTERS, OnQueueEvent
from callstream_media_gateway.app.perform import Performer
from callstream_media_gateway.app.phone_dials import PhoneDials
from callstream_media_gateway.app.play_prompts import PlayPrompts
from callstream_media_gateway.app.record_refusals import RecordRefusals
from callstream_media_gateway.app.recover import Recover
from callstream_media_gateway.app.restore import Ended, Restore
from callstream_media_gateway.app.ring_agent import RingAgent
from callstream_media_gateway.app.sip_decisions import SipDecisions
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.app.trunks import Trunks
from callstream_media_gateway.app.workplaces import Workplaces
from callstream_media_gateway.config import ConfigError, GatewayConfig, load
from callstream_media_gateway.domain.inputs import HangUp
from callstream_media_gateway.domain.left_behind import LeftBehind
from callstream_media_gateway.media.protocol import Snapshot
from callstream_media_gateway.sip.user_agent import UserAgent

log = structlog.get_logger(__name__)

LEFTOVERS_CLOSED_S = 10.0
MOST_FILES = 65_536
LAST_WORDS_S = 3.0
"""After the grace: for BYEs, the ends of calls in the log, and the last recordings."""


class Gateway:
    """Everything wired; `start`, `drain` and `stop` are hooks of the service."""

    def __init__(self, service: Service, config: GatewayConfig) -> None:
        self.config, self.store = config, service.store
        instance, clock = service.settings.instance, service.clock
        rtp_timeout_ms = config.media_timeout_s * 1000
        health = LogHealth(lambda: service.nc.is_connected)
        self.media = MediaSide()
        self.phones = Phones(service.credentials(), config.state / "registrations.json")
        self.switchboard = Switchboard(service.store, health, clock)
        regions = region_table.load()
        self.on_invite = OnInvite(self.switchboard, service.config, self.media, health, clock, instance, rtp_timeout_ms, regions)
        decisions = SipDecisions(self.on_invite, self.phones)
        self.user_agent = UserAgent(user_agent_config(config), decisions)
        self.user_agent.on_closed(self.phones.connection_closed)
        self.trunks = Trunks(service.config, service.credentials(), self.user_agent)
        refused = RecordRefusals(self.switchboard, clock, instance)
        self.dial_out = DialOut(service.config, self.trunks, regions, self.user_agent, self.media, rtp_timeout_ms, refused)
        ring_agent = RingAgent(
            self.switchboard, service.config, self.phones, self.user_agent, self.media, rtp_timeout_ms, self.dial_out
        )
        self.encoder = Encoder(config.recordings)
        self.archives = Archives(config.recordings, config.bucket, TenantBuckets(service.archive_keys(), hook_origins()))
        self.finish = FinishRecording(self.switchboard.feed, self.encoder, config.recordings, self.archives.finished)
        speech = SpokenTexts(config.data_dir / "speech")
        prompts = Prompts(config.data_dir / "prompts", service.config.audio, speech.cached, speech.speak)
        play = PlayPrompts(self.switchboard.feed, self.media, prompts, lambda tenant: service.config.settings(tenant).hold_music)
        self.on_control = OnControl(self.switchboard, service.config, self.dial_out, ring_agent)
        self.on_dial = OnDial(self.switchboard, service.config, self.media, health, self.dial_out, ring_agent, instance)

        def new_id() -> str:
            return ulid(clock.now(), randbits(80))

        dials, workplaces = PhoneDials(self.on_dial, service.commands, new_id), Workplaces(service.commands, new_id)
        decisions.on_phone_call = OnPhoneCall(
            self.switchboard, service.config, self.phones, self.media, self.on_control, dials, workplaces, rtp_timeout_ms
        )
        performer = Performer(
            *(self.switchboard, self.media, ring_agent, play, self.finish),
            lambda tenant: service.config.settings(tenant).recording_bucket,
        )
        performer.choose = self.on_control.choose
        self.switchboard.perform = performer
        self.on_media = OnMediaEvent(self.switchboard, performer, self.finish, self.media)
        self.on_queue = OnQueueEvent(self.switchboard, ring_agent, instance)
        self.note_file = NoteFile(config.media_socket.with_suffix(".notes"))
        notes = KeepNotes(self.media.flush, self.note_file)
        self.switchboard.noted, self.switchboard.forgotten = notes.noted, notes.forgotten
        Link.of(service.nc).before_writing = self.media.before_acknowledging = notes.write
        self.restore = Restore(
            self.switchboard, performer, self.finish, self.media, self.user_agent, ring_agent, self.trunks, rtp_timeout_ms
        )
        self.recover = Recover(service.store, clock, instance, config.recordings, self.finish)
        self.housekeeping = Housekeeping(
            self.switchboard, self.on_media, self.media, service.store, health, self.phones, config.state / "position.json"
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._restored = False
        self.settled = False
        """What a former process left is taken up or ended: commands are answered from now on."""
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Settle the past, then open the door."""
        self.on_invite.read_configuration()
        self.phones.restore()
        begin = await self.store.last_seq()
        open_calls = await self.recover.read(self.housekeeping.recover_after())
        await self._connect_media({key: left.ended for key, left in open_calls.items()})
        going_on = self.switchboard.calls.keys() | set()
        # A call whose note does not know that the log has taken its beginning may have been answered by routing all the same.
        since = {left.call_id: left.since for left in open_calls.values()}
        await self.recover.end(open_calls, going_on)
        seen = [max(live.seen_seq, live.arrived_seq) or since.get(live.call.call_id, begin) for live in self.restore.calls]
        self._subscription = await self.store.follow(FILTERS, min([begin, *seen]), self.on_queue.fold)
        await self.restore.settle()
        self.settled = True
        self._tasks = [
            asyncio.create_task(self.housekeeping.run()),
            asyncio.create_task(self._encode_leftovers(await self.recover.files(self.switchboard.calls), open_calls)),
        ]
        renewed = renewal(self.config, self.user_agent.config)
        if renewed is not None:
            self._tasks.append(asyncio.create_task(renewed.run()))
        self._tasks.append(asyncio.create_task(self.archives.run()))
        metrics.sip.source = lambda: self.user_agent.counters
        self.trunks.start()
        log.info("taking calls", sip=":".join(map(str, self.user_agent.local_addr)), restored=len(self.restore.calls))

    async def _connect_media(self, known: Ended) -> None:
        """Take up the calls that go on: before the worker's events come in, and as soon as their peers can be heard."""
        problem: list[Exception] = []

        async def first(snapshot: Snapshot) -> None:
            if not self._restored:
                self._restored = True
                try:
                    await self.user_agent.start()
                except Exception as error:  # noqa: BLE001 - raised again where the start waits for it
                    problem.append(error)
                    return
                left, self.note_file.left = self.note_file.left, {}
                if snapshot.worker_id == self.note_file.worker_id:
                    self.restore.take(left, snapshot, known)
                else:
                    self.restore.hang_up(left)
            self.note_file.belongs_to(snapshot.worker_id)
            await self.on_media.snapshot(snapshot)

        await self.media.connect(self.config.media_socket, self.on_media.event, first)
        if problem:
            raise problem[0]

    async def drain(self) -> None:
        """New calls are refused; running ones may go on for a while, then they are hung up."""
        self.on_invite.draining = self.on_dial.draining = True
        try:
            async with asyncio.timeout(self.config.drain_s):
                await self.switchboard.empty.wait()
        except TimeoutError:
            log.warning("ending calls after the grace", calls=len(self.switchboard.calls))
        for live in list(self.switchboard.calls.values()):
            self.switchboard.feed(live, HangUp(reason=Reason.DRAINING, party=Party.SYSTEM))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.switchboard.empty.wait()

    async def stop(self) -> None:
        """Leave. What is still open is settled by the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.stop()
            await self.trunks.stop()
            await self.user_agent.stop()
            self.phones.save()
            self.housekeeping.save_position()
        await self.media.close()
        await self.encoder.stop()
        self.note_file.close()

    async def _encode_leftovers(self, files: list[Leftover], unfinished: dict[tuple[str, str], LeftBehind]) -> None:
        """Beside the first calls, once the worker has closed the files of the legs that its snapshot made us close."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEFTOVERS_CLOSED_S):
                    await self.on_media.leftovers_closed.wait()
            await self.recover.recordings(files, unfinished)
        except Exception:
            log.exception("recordings of an earlier run are not settled; the next start tries again")


def assemble(service: Service, config: GatewayConfig) -> Gateway:
    """Make the gateway and hook it into the service's life."""
    gateway = Gateway(service, config)
    service.commands_answered.active = lambda _: gateway.settled

    async def take_over() -> None:
        service.commands_answered.take_over()

    on_command = OnCommand(gateway.switchboard)
    scope = service.settings.instance
    service.on_command(commands.AnswerCall, on_command.answer, scope)
    service.on_command(commands.PlayPrompts, on_command.play, scope)
    service.on_command(commands.TakeMessage, on_command.take_message, scope)
    service.on_command(commands.StopPlayback, on_command.stop, scope)
    service.on_command(commands.HangUpCall, on_command.hang_up, scope)
    service.on_command(commands.TearDown, gateway.on_control.tear_down, scope)
    service.on_command(commands.TransferCall, gateway.on_control.transfer, scope)
    service.on_command(commands.DropOffer, on_command.drop_offer, scope)
    service.on_command(commands.ListLegs, on_command.legs, scope)
    wire_controls(service, gateway.on_control, scope)
    list_trunks = ListTheTrunks(service.config, gateway.trunks, gateway.switchboard, scope)
    for one in (scope, ANY):
        service.on_command(call_commands.Dial, gateway.on_dial.dial, one)
        service.on_command(call_commands.CallAgent, gateway.on_dial.call_agent, one)
        service.on_command(call_commands.CallBack, gateway.on_dial.call_back, one)
        service.on_command(ListTrunks, list_trunks, one)
    service.check("media worker", gateway.media.check)
    service.on_start.append(gateway.start)
    service.on_start.append(take_over)
    service.on_drain.append(gateway.drain)
    service.drain_s = max(service.drain_s, config.drain_s + LAST_WORDS_S + 1)
    service.on_stop.append(gateway.stop)
    return gateway


def wire_controls(service: Service, on_control: OnControl, scope: str) -> None:
    """Commands to calls that go on."""
    service.on_command(call_commands.GetCallView, on_control.view, scope)
    for kind in SIMPLE:
        service.on_command(kind, on_control.simple, scope)
    service.on_command(call_commands.Consult, on_control.consult, scope)
    service.on_command(call_commands.BlindTransfer, on_control.blind_transfer, scope)
    service.on_command(call_commands.Supervise, on_control.supervise, scope)
    service.on_command(call_commands.SendDigits, on_control.send_digits, scope)
    service.on_command(call_commands.PlayToCustomer, on_control.play, scope)
    service.on_command(call_commands.CollectDigits, on_control.collect, scope)
    service.on_command(call_commands.StartSurvey, on_control.survey, scope)
    service.on_command(call_commands.RunFlow, on_control.run_flow, scope)


async def wire(service: Service) -> None:
    """With what the environment says."""
    assemble(service, load())


def check_environment(_: object) -> None:
    """Leave with a clear message before anything is started."""
    try:
        user_agent_config(load())
    except ConfigError as error:
        sys.exit(f"media-gateway: {error}")


def main() -> None:
    """The process. A phone on a stream takes a file: as many as we may have are allowed from the start."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most, MOST_FILES)), most))
    run("media-gateway", wire, check_environment)


if __name__ == "__main__":
    main()
