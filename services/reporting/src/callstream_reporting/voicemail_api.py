"""Mailboxes over HTTP (F205): agents open their own and those of their groups, supervisors also those of their groups' agents."""

from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from callstream.contracts.roles import Principal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream.runtime.api import Person, answer, error_answer
from callstream.runtime.config_watch import Configuration
from callstream_reporting.adapters.accesses import Access
from callstream_reporting.adapters.mailboxes import Mailboxes, Message
from callstream_reporting.adapters.records import Records
from callstream_reporting.app.give_sound import GiveSound
from callstream_reporting.domain.permissions import open_boxes


def add_voicemail(app: FastAPI, boxes: Mailboxes, records: Records, give: GiveSound, configuration: Configuration) -> None:
    """Enter the routes. A message of a mailbox that is not one's own does not exist."""

    def own(person: Principal) -> list[str] | None:
        return open_boxes(person, {agent.id: agent.groups for agent in configuration.agents(person.tenant)})

    async def one(person: Principal, message_id: str) -> Message:
        found = await boxes.messages(person.tenant, own(person), 1, message_id=message_id)
        if not found:
            raise Refusal(Reason.UNKNOWN_CALL, f"no such message: '{message_id}'", "message_id")
        return found[0]

    @app.get("/v1/voicemail")
    async def list_messages(
        person: Person,
        mailbox: str = "",
        new: bool | None = None,
        before: datetime | None = None,
        limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    ) -> Response:
        mine = own(person)
        if mailbox and mine is not None and mailbox not in mine:
            return error_answer(Reason.FORBIDDEN, f"not a mailbox of yours: '{mailbox}'", "mailbox")
        messages = await boxes.messages(person.tenant, [mailbox] if mailbox else mine, limit, new=new, before=before)
        return answer({"new": await boxes.new(person.tenant, mine), "messages": messages})

    @app.get("/v1/voicemail/{message_id}/recording")
    async def sound(message_id: str, person: Person, request: Request) -> Response:
        message = await one(person, message_id)
        return await give.sound(request, _access(person, message, "sound"), await path_of(person, message))

    @app.post("/v1/voicemail/{message_id}/recording/link")
    async def link(message_id: str, person: Person) -> Response:
        message = await one(person, message_id)
        return await give.link(_access(person, message, "link"), await path_of(person, message))

    async def path_of(person: Principal, message: Message) -> str | None:
        return await records.recording_path(person.tenant, message.call_id, message.message_id)

    @app.put("/v1/voicemail/{message_id}/heard")
    async def heard(message_id: str, person: Person) -> Response:
        await one(person, message_id)
        await boxes.heard(person.tenant, message_id, person.user_id, heard=True)
        return answer(await one(person, message_id))

    @app.delete("/v1/voicemail/{message_id}/heard")
    async def new_again(message_id: str, person: Person) -> Response:
        await one(person, message_id)
        await boxes.heard(person.tenant, message_id, person.user_id, heard=False)
        return answer(await one(person, message_id))

    @app.delete("/v1/voicemail/{message_id}")
    async def delete(message_id: str, person: Person) -> Response:
        await one(person, message_id)
        await boxes.delete(person.tenant, message_id, person.user_id)
        return Response(status_code=204)


def _access(person: Principal, message: Message, how: str) -> Access:
    return Access(tenant=person.tenant, call_id=message.call_id, recording_id=message.message_id, user=person.user_id, how=how)
