"""People outside: who keeps them, who sees them, what finds them."""

from typing import Any

import pytest

from callstream.contracts.commands import ListAgents
from callstream.contracts.roles import Role
from callstream_console.domain.contacts import Contact, find

from .test_api import House, house  # noqa: F401

BODY = {"name": "王小明", "number": "+8613900001234", "company": "Acme Logistics"}


class Book:
    """The house, asked by e-mail."""

    def __init__(self, house: House) -> None:  # noqa: F811
        self.house = house

    async def ask(self, who: str, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        headers = await self.house.token(f"{who}@example.com")
        response = await self.house.client.request(method, f"/v1/contacts{path}", json=body, headers=headers)
        return response.status_code, response.json() if response.content else None

    async def made(self, who: str, **what: Any) -> str:
        status, made = await self.ask(who, "POST", body={**BODY, **what})
        assert status == 200, made
        contact_id: str = made["id"]
        return contact_id

    async def found(self, who: str, query: str = "") -> list[str]:
        headers = await self.house.token(f"{who}@example.com")
        answer = await self.house.client.get("/v1/directory", params={"q": query}, headers=headers)
        return [each["name"] for each in answer.json()["contacts"]]


@pytest.fixture
async def book(house: House) -> Book:  # noqa: F811
    await house.add("colleague@example.com", Role.AGENT, agent_id="1002")
    await house.add("other@example.com", Role.ADMIN, tenant="other")
    house.commands.replies[ListAgents] = []
    return Book(house)


PEOPLE = [
    Contact(id="a", name="王小明", number="+8613900001234", company="Acme Logistics", own=False),
    Contact(id="b", name="Wang & Sons", number="+861055550199", company="", own=False),
    Contact(id="c", name="Zoë", number="+442079460000", company="王府井", own=True),
]


@pytest.mark.feature("F140")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["b", "c", "a"]),
        ("王小明", ["a"]),
        ("小明", ["a"]),
        ("wangxiaoming", ["a"]),
        ("wxm", ["a"]),
        ("wang", ["b", "c", "a"]),
        ("zoë", ["c"]),
        ("acme", ["a"]),
        ("wfj", ["c"]),
        ("13900001234", ["a"]),
        ("+86 139 0000 1234", ["a"]),
        ("010-5555-0199", ["b"]),
        ("1234", ["a"]),
        ("5555", ["b"]),
        ("12", []),
        ("nobody", []),
        ("+", []),
    ],
)
def test_who_is_found(query: str, found: list[str]) -> None:
    assert [each.id for each in find(query, PEOPLE, 50)] == found
    assert [each.id for each in find(query, PEOPLE, 1)] == found[:1]


@pytest.mark.feature("F140")
async def test_public_contacts_are_the_administrators_and_everybodys_to_see(book: Book) -> None:
    contact_id = await book.made("admin")
    assert await book.found("agent", "wxm") == await book.found("supervisor", "1234") == ["王小明"]
    assert await book.found("other") == [], "another tenant's"
    for who in ("agent", "supervisor"):
        assert (await book.ask(who, "POST", body=BODY))[0] == 403
        assert (await book.ask(who, "PUT", f"/{contact_id}", BODY))[0] == 403
        assert (await book.ask(who, "DELETE", f"/{contact_id}"))[0] == 403
    assert (await book.ask("other", "DELETE", f"/{contact_id}"))[0] == 404
    changed = await book.ask("admin", "PUT", f"/{contact_id}", {"name": "王大明", "number": BODY["number"]})
    assert changed == (200, {"id": contact_id, "name": "王大明", "number": BODY["number"], "company": "", "own": False})
    assert (await book.found("agent", "wxm"), await book.found("agent", "wdm")) == ([], ["王大明"])
    assert await book.ask("admin", "DELETE", f"/{contact_id}") == (204, None)
    assert await book.found("agent") == []
    assert (await book.ask("admin", "DELETE", f"/{contact_id}"))[0] == 404
    headers = await book.house.token("admin@example.com")
    lines = (await book.house.client.get("/v1/operations", headers=headers)).json()
    told = [(line["action"], line["kind"], line["id"]) for line in lines]
    assert told == [(action, "contact", contact_id) for action in ("delete", "change", "create")]
    assert (lines[1]["before"]["name"], lines[1]["after"]["name"]) == ("王小明", "王大明")


@pytest.mark.feature("F140")
async def test_private_contacts_are_seen_and_changed_by_their_owner_alone(book: Book) -> None:
    contact_id = await book.made("agent", own=True)
    await book.made("colleague", name="Carol", own=True)
    assert (await book.found("agent"), await book.found("colleague")) == (["王小明"], ["Carol"])
    assert await book.found("admin") == []
    for who in ("colleague", "admin", "supervisor"):
        assert (await book.ask(who, "PUT", f"/{contact_id}", BODY))[0] == 404
        assert (await book.ask(who, "DELETE", f"/{contact_id}"))[0] == 404
    await book.made("admin")
    assert await book.found("agent") == ["王小明", "王小明"], "the same number may be public too"
    assert (await book.ask("agent", "PUT", f"/{contact_id}", {**BODY, "name": "Uncle"}))[0] == 200
    assert await book.found("agent", "uncle") == ["Uncle"]
    assert (await book.ask("agent", "DELETE", f"/{contact_id}"))[0] == 204
    headers = await book.house.token("admin@example.com")
    lines = (await book.house.client.get("/v1/operations", headers=headers)).json()
    assert [line["action"] for line in lines] == ["create"], "of the public one alone"


@pytest.mark.parametrize("who", ["analyst", "reviewer"])
async def test_who_makes_no_calls_has_no_contacts(book: Book, who: str) -> None:
    assert (await book.ask(who, "POST", body={**BODY, "own": True}))[0] == 403
    assert (await book.ask(who, "DELETE", "/x"))[0] == 403


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"number": "13900001234"}, "number"),
        ({"number": "+86 139"}, "number"),
        ({"name": ""}, "name"),
        ({"name": " Ann"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"company": 7}, "company"),
    ],
)
async def test_what_is_no_contact_is_refused(book: Book, wrong: dict[str, Any], field: str) -> None:
    status, body = await book.ask("admin", "POST", body={**BODY, **wrong})
    assert (status, body["field"]) == (422, field)
    assert await book.found("admin") == []


async def test_a_number_stands_once_in_a_list_and_lists_are_bounded(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callstream_console.adapters.contacts.MOST_OWN", 2)
    await book.made("agent", own=True)
    second = await book.made("agent", number="+8613900001235", own=True)
    status, refused = await book.ask("agent", "PUT", f"/{second}", BODY)
    assert (status, refused["field"]) == (409, "number")
    status, refused = await book.ask("agent", "POST", body={**BODY, "number": "+8613900001236", "own": True})
    assert (status, refused["message"]) == (422, "2 contacts at most")
    assert (await book.ask("agent", "DELETE", f"/{second}"))[0] == 204
    status, refused = await book.ask("agent", "POST", body={**BODY, "own": True})
    assert (status, refused["field"]) == (409, "number")
