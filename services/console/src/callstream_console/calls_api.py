"""What agents do to their own calls: /v1/calls and /v1/me/call (F013-F028, F035, F056, F137, F138, F143, F150).

The agent is the token's; which call is theirs agent-state knows, and what is possible in it the gateway that holds it, which
refuses the rest with 409 and the reason.
"""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from callstream.contracts import call_commands as calls
from callstream.contracts.commands import AgentView, Command, StopPlayback
from callstream.contracts.config import Agent, Audio, AudioFile, Prompt, Speech
from callstream.contracts.roles import Principal
from callstream.contracts.states import AgentState
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, body_of
from callstream_console.app.on_blacklist import blacklist
from callstream_console.app.on_call_data import call_on_screen
from callstream_console.app.on_dial import call_agent, dial
from callstream_console.app.targets import Reach, reach, state_of
from callstream_console.call_bodies import Colleague, Collect, Consultation, DialBody, Digits, Grievance, Handover, Play, RunFlow
from callstream_console.domain.permissions import Action, require, require_agent
from callstream_console.http import reply_answer
from callstream_console.parts import Parts

PLAIN: dict[str, Callable[..., Command]] = {
    "hold": calls.Hold,
    "retrieve": calls.Retrieve,
    "mute": calls.Mute,
    "unmute": calls.Unmute,
    "complete": calls.CompleteTransfer,
    "cancel": calls.CancelConsult,
    "join": calls.Join,
    "leave": calls.Leave,
    "drop": calls.DropParty,
    "survey": calls.StartSurvey,
    "resume": calls.ResumeCall,
    "hang-up": calls.HangUpAgent,
    "pause-recording": calls.PauseRecording,
    "resume-recording": calls.ResumeRecording,
}
"""What says no more than who: path → command."""


def add_calls(app: FastAPI, parts: Parts) -> None:
    """Enter the routes."""

    def self_of(person: Principal) -> str:
        require(person, Action.ACT_AS_SELF)
        if not person.agent_id:
            raise Refusal(Reason.FORBIDDEN, "this login belongs to no agent")
        return person.agent_id

    async def own_call(person: Principal) -> AgentView:
        """The agent with the call that rings for them, or that they are in."""
        view = await state_of(parts, person, self_of(person))
        if view.state not in (AgentState.RINGING, AgentState.BUSY) or not view.gateway:
            raise Refusal(Reason.UNKNOWN_CALL, "you are in no call")
        return view

    async def send(command: Command, own: AgentView) -> Response:
        return reply_answer(await parts.commands.send(command, own.gateway, call_id=own.call_id))

    @app.post("/v1/calls")
    async def begin(request: Request, person: Person) -> Response:
        body = await body_of(request, DialBody)
        agent_id = body.agent_id or self_of(person)
        found = (await parts.documents.holdings(person.tenant)).documents.get((Agent.KIND, agent_id))
        require_agent(person, agent_id, found.groups if isinstance(found, Agent) else None)
        return reply_answer(await dial(parts, person, agent_id, body.number, body.caller_id))

    @app.post("/v1/calls/internal")
    async def begin_internal(request: Request, person: Person) -> Response:
        own = self_of(person)
        target = await reach(parts, person, (await body_of(request, Colleague)).agent_id)
        if target.number:
            return reply_answer(await dial(parts, person, own, target.number))
        return reply_answer(await call_agent(parts, person, own, target.agent_id))

    @app.post("/v1/calls/{call_id}/blacklist")
    async def block(call_id: str, request: Request, person: Person) -> Response:
        self_of(person)
        return answer(await blacklist(parts, person, call_id, (await body_of(request, Grievance)).reason))

    @app.get("/v1/me/call")
    async def view(person: Person) -> Response:
        own = await own_call(person)
        return await send(calls.GetCallView(command_id=parts.new_id(), call_id=own.call_id, agent_id=own.agent_id), own)

    @app.get("/v1/me/call/data")
    async def data(person: Person) -> Response:
        return answer(await call_on_screen(parts, person, await own_call(person)))

    def add_plain(path: str, kind: Callable[..., Command]) -> None:
        async def act(person: Person) -> Response:
            own = await own_call(person)
            command = kind(command_id=parts.new_id(), call_id=own.call_id, agent_id=own.agent_id, actor=person.user_id)
            return await send(command, own)

        app.add_api_route(f"/v1/me/call/{path}", act, methods=["POST"], name=path)

    for path, kind in PLAIN.items():
        add_plain(path, kind)

    @app.post("/v1/me/call/transfer")
    async def transfer(request: Request, person: Person) -> Response:
        body = await body_of(request, Handover)
        _one_of(agent_id=body.agent_id, group_id=body.group_id, number=body.number)
        own = await own_call(person)
        target = await reach(parts, person, body.agent_id) if body.agent_id else Reach(number=body.number or "")
        command = calls.BlindTransfer(
            command_id=parts.new_id(),
            call_id=own.call_id,
            agent_id=own.agent_id,
            actor=person.user_id,
            target_agent_id=target.agent_id,
            group_id=body.group_id or "",
            number=target.number,
            role=person.role,
        )
        return await send(command, own)

    @app.post("/v1/me/call/consult")
    async def consult(request: Request, person: Person) -> Response:
        body = await body_of(request, Consultation)
        _one_of(agent_id=body.agent_id, number=body.number)
        own = await own_call(person)
        target = await reach(parts, person, body.agent_id) if body.agent_id else Reach(number=body.number or "")
        command = calls.Consult(
            command_id=parts.new_id(),
            call_id=own.call_id,
            agent_id=own.agent_id,
            actor=person.user_id,
            target_agent_id=target.agent_id,
            number=target.number,
            role=person.role,
        )
        return await send(command, own)

    @app.post("/v1/me/call/digits")
    async def digits(request: Request, person: Person) -> Response:
        body = await body_of(request, Digits)
        own = await own_call(person)
        command = calls.SendDigits(
            command_id=parts.new_id(),
            call_id=own.call_id,
            agent_id=own.agent_id,
            actor=person.user_id,
            digits=body.digits,
        )
        return await send(command, own)

    @app.post("/v1/me/call/flow")
    async def run_flow(request: Request, person: Person) -> Response:
        body = await body_of(request, RunFlow)
        own = await own_call(person)
        command = calls.RunFlow(
            command_id=parts.new_id(),
            call_id=own.call_id,
            agent_id=own.agent_id,
            actor=person.user_id,
            flow_id=body.flow_id,
            flow_version=body.flow_version,
        )
        return await send(command, own)

    @app.post("/v1/me/call/play")
    async def play(request: Request, person: Person) -> Response:
        body = await body_of(request, Play)
        prompts = await prompts_of(parts, person, body)
        own = await own_call(person)
        return await play_to_customer(parts, person, own, prompts)

    @app.delete("/v1/me/call/play/{play_id}")
    async def stop_playing(play_id: str, person: Person) -> Response:
        own = await own_call(person)
        return await send(StopPlayback(command_id=parts.new_id(), call_id=own.call_id, play_id=play_id), own)

    @app.post("/v1/me/call/collect")
    async def collect(request: Request, person: Person) -> Response:
        body = await body_of(request, Collect)
        own = await own_call(person)
        command = calls.CollectDigits(
            command_id=parts.new_id(),
            call_id=own.call_id,
            agent_id=own.agent_id,
            actor=person.user_id,
            collection_id=parts.new_id(),
            template_id=body.template_id,
        )
        reply = await parts.commands.send(command, own.gateway, call_id=own.call_id)
        return answer({"collection_id": command.collection_id}) if reply.accepted else reply_answer(reply)


async def prompts_of(parts: Parts, person: Principal, body: Play) -> tuple[Prompt, ...]:
    """What is to be played; raises Refusal for an audio file that the tenant does not have."""
    _one_of(audio_id=body.audio_id, text=body.text)
    if body.text is not None:
        return (Speech(text=body.text, voice=body.voice),)
    audio_id = body.audio_id or ""
    if (AudioFile.KIND, audio_id) not in (await parts.documents.holdings(person.tenant)).documents:
        raise Refusal(Reason.INVALID, f"no such audio file: '{audio_id}'", "audio_id")
    return (Audio(audio_id=audio_id),)


async def play_to_customer(parts: Parts, person: Principal, service: AgentView, prompts: tuple[Prompt, ...]) -> Response:
    """Play to the customer of an agent's call; the answer names the playback, to be stopped by."""
    command = calls.PlayToCustomer(
        command_id=parts.new_id(),
        call_id=service.call_id,
        agent_id=service.agent_id,
        actor=person.user_id,
        play_id=parts.new_id(),
        prompts=prompts,
    )
    reply = await parts.commands.send(command, service.gateway, call_id=service.call_id)
    if service.agent_id != person.agent_id:
        await parts.documents.note(person.tenant, person.user_id, command, reply)
    return answer({"play_id": command.play_id}) if reply.accepted else reply_answer(reply)


def _one_of(**fields: str | None) -> None:
    if sum(value is not None for value in fields.values()) != 1:
        raise Refusal(Reason.INVALID, f"name one of {', '.join(fields)}", next(iter(fields)))
