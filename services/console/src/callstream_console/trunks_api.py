"""How the trunks are: one gateway's view of them."""

import msgspec
from fastapi import FastAPI, Response

from callstream.contracts.subjects import ANY
from callstream.contracts.trunk_commands import ListTrunks, TrunkView
from callstream.runtime.api import Person, answer
from callstream_console.domain.permissions import Action, require
from callstream_console.http import reply_answer
from callstream_console.parts import Parts


def add_trunks(app: FastAPI, parts: Parts) -> None:
    """Enter the route."""

    @app.get("/v1/trunks")
    async def list_trunks(person: Person) -> Response:
        require(person, Action.READ_CONFIGURATION)
        reply = await parts.commands.send(ListTrunks(command_id=parts.new_id(), tenant=person.tenant), ANY)
        if not reply.accepted:
            return reply_answer(reply)
        return answer(msgspec.json.decode(reply.result, type=list[TrunkView]))
