"""The bindings table by itself: REGISTER requests in order, and who is where afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from callstream_media_gateway.sip.digest import Credentials, answer_challenge, choose_challenge, ha1
from callstream_media_gateway.sip.digest_gate import Secrets
from callstream_media_gateway.sip.handler import Hop, Reply
from callstream_media_gateway.sip.message import Header, Request
from callstream_media_gateway.sip.registrar import MAX_CONTACTS, Binding, Registrar

HERE = Hop("udp", "10.0.0.1", 5060)
A, B = "<sip:ann@10.0.0.1:5060>", "<sip:ann@10.0.0.2:5060;transport=tcp>"


class Desk:
    """A registrar, a clock, and a phone that answers every challenge."""

    def __init__(self) -> None:
        self.now = 0.0
        known = Secrets(ha1("MD5", "ann", "r", "pw"), ha1("SHA-256", "ann", "r", "pw"))
        self.registrar = Registrar("r", lambda user: known if user == "ann" else None, lambda: self.now, b"key")
        self.changes: list[tuple[str, int]] = []
        self.registrar.on_change = lambda user, bindings: self.changes.append((user, len(bindings)))
        self.cseq = 0

    def register(
        self, *contacts: str, expires: str | None = None, to: str = "ann", call_id: str = "c", cseq: int | None = None,
        source: Hop = HERE,
    ) -> Reply:  # fmt: skip
        self.cseq = self.cseq + 1 if cseq is None else cseq
        headers: list[Header] = [("To", f"<sip:{to}@r>"), ("Call-ID", call_id), ("CSeq", f"{self.cseq} REGISTER")]
        headers += [("Contact", contact) for contact in contacts]
        if expires is not None:
            headers.append(("Expires", expires))
        challenge = choose_challenge(
            [value for _, value in self.registrar.register(Request("REGISTER", "sip:r", headers), source).headers]
        )
        assert challenge is not None
        answer = answer_challenge(challenge, Credentials("ann", "pw"), "REGISTER", "sip:r", cnonce="x")
        headers.append(("Authorization", str(answer)))
        return self.registrar.register(Request("REGISTER", "sip:r", headers), source)

    @property
    def where(self) -> list[str]:
        return [f"<{binding.contact}>" for binding in self.registrar.bindings("ann")]


STORIES: list[tuple[str, list[tuple[list[str], dict[str, Any], int]], list[str]]] = [
    ("one phone", [([A], {}, 200)], [A]),
    ("a refresh replaces", [([A], {}, 200), ([A], {}, 200)], [A]),
    ("two phones, the newest first", [([A], {}, 200), ([B], {"call_id": "d"}, 200)], [B, A]),
    ("two contacts at once", [([A, B], {}, 200)], [A, B]),
    ("a zero parameter removes one", [([A, B], {}, 200), ([A + ";expires=0"], {}, 200)], [B]),
    ("a zero header removes one", [([A, B], {}, 200), ([A], {"expires": "0"}, 200)], [B]),
    ("the asterisk removes all", [([A, B], {}, 200), (["*"], {"expires": "0"}, 200)], []),
    ("the asterisk needs Expires 0", [([A], {}, 200), (["*"], {}, 400), (["*"], {"expires": "60"}, 400)], [A]),
    ("the asterisk stands alone", [([A], {}, 200), (["*", B], {"expires": "0"}, 400)], [A]),
    ("a query changes nothing", [([A], {}, 200), ([], {}, 200)], [A]),
    ("too brief", [([A + ";expires=5"], {}, 423)], []),
    ("a bad contact changes nothing", [([A], {}, 200), ([B, "<nonsense>"], {}, 400)], [A]),
    ("a tel contact cannot be called", [(["<tel:123>"], {}, 400)], []),
    ("a bad Expires", [([A], {"expires": "soon"}, 400)], []),
    ("a late older request", [([A], {"cseq": 9}, 200), ([A + ";expires=0"], {"cseq": 8}, 500)], [A]),
    ("a restarted phone counts anew", [([A], {"cseq": 9}, 200), ([A], {"cseq": 1, "call_id": "new"}, 200)], [A]),
    ("another's address", [([A], {"to": "bob"}, 403)], []),
]


@pytest.mark.parametrize(("what", "steps", "where"), STORIES, ids=[story[0] for story in STORIES])
def test_bindings(what: str, steps: list[tuple[list[str], dict[str, Any], int]], where: list[str]) -> None:
    desk = Desk()
    for contacts, more, code in steps:
        assert desk.register(*contacts, **more).code == code
    assert desk.where == where


def test_the_reply_lists_what_is_in_force_and_how_long() -> None:
    desk = Desk()
    desk.register(A, expires="100")
    desk.now = 40
    assert desk.register(B, expires="99999").headers == [("Contact", f"{B};expires=3600"), ("Contact", f"{A};expires=60")]


def test_the_way_back_is_the_source_and_moves_with_it() -> None:
    desk = Desk()
    desk.register(A, source=HERE)
    elsewhere = Hop("tcp", "8.8.8.8", 4444)
    desk.register(A, source=elsewhere)
    (binding,) = desk.registrar.bindings("ann")
    assert isinstance(binding, Binding)
    assert binding.source == elsewhere
    desk.registrar.drop("ann", HERE)
    assert desk.where == [A]
    desk.registrar.drop("ann", elsewhere)
    assert desk.where == []


def test_bindings_expire_and_the_sweep_tells_once() -> None:
    desk = Desk()
    desk.register(A, expires="60")
    desk.register(B, expires="120", call_id="d")
    desk.now = 60
    assert desk.where == [B]
    assert desk.registrar.sweep() == []
    desk.now = 120
    assert desk.registrar.sweep() == ["ann"]
    assert desk.registrar.sweep() == []
    assert desk.changes == [("ann", 1), ("ann", 2), ("ann", 1), ("ann", 0)]


def test_only_so_many_phones_of_a_user_are_kept() -> None:
    desk = Desk()
    for n in range(MAX_CONTACTS + 2):
        desk.register(f"<sip:ann@10.0.0.{n}>", call_id=str(n))
    assert desk.where == [f"<sip:ann@10.0.0.{n}>" for n in range(MAX_CONTACTS + 1, 1, -1)]
