"""/v1/contacts: people outside, everybody's or one's own (F023, F140). They are found in /v1/directory."""

from typing import Annotated

import msgspec
from fastapi import FastAPI, Request, Response

from callstream.contracts.roles import Principal
from callstream.contracts.scalars import E164
from callstream.runtime.api import Person, answer, body_of
from callstream_console.domain.contacts import Contact
from callstream_console.domain.manifest import Strict
from callstream_console.domain.permissions import Action, require
from callstream_console.parts import Parts

Label = Annotated[str, msgspec.Meta(pattern=r"^\S(.*\S)?$", max_length=64)]


class ContactBody(Strict, frozen=True, kw_only=True):
    """Body of PUT."""

    name: Label
    number: E164
    company: Annotated[str, msgspec.Meta(max_length=64)] = ""


class NewContact(ContactBody, frozen=True, kw_only=True):
    """Body of POST."""

    own: bool = False
    """Only for whoever makes it; public ones are the administrators'."""


def add_contacts(app: FastAPI, parts: Parts) -> None:
    """Enter the routes."""

    def check(person: Principal, *, own: bool) -> None:
        require(person, Action.ACT_AS_SELF if own else Action.CHANGE_CONFIGURATION)

    async def known(person: Principal, contact_id: str) -> Contact:
        """Which this person may change."""
        require(person, Action.ACT_AS_SELF)
        contact = await parts.contacts.one(person.tenant, person.user_id, contact_id)
        check(person, own=contact.own)
        return contact

    @app.post("/v1/contacts")
    async def create(request: Request, person: Person) -> Response:
        body = await body_of(request, NewContact)
        check(person, own=body.own)
        contact = Contact(id=parts.new_id(), name=body.name, number=body.number, company=body.company, own=body.own)
        await parts.contacts.put(person.tenant, person.user_id, contact)
        return answer(contact)

    @app.put("/v1/contacts/{contact_id}")
    async def change(contact_id: str, request: Request, person: Person) -> Response:
        body = await body_of(request, ContactBody)
        held = await known(person, contact_id)
        contact = Contact(id=held.id, name=body.name, number=body.number, company=body.company, own=held.own)
        await parts.contacts.put(person.tenant, person.user_id, contact)
        return answer(contact)

    @app.delete("/v1/contacts/{contact_id}")
    async def delete(contact_id: str, person: Person) -> Response:
        await parts.contacts.delete(person.tenant, person.user_id, await known(person, contact_id))
        return Response(status_code=204)
