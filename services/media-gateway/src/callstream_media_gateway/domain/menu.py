"""The feature menu of an agent on a plain phone: `*` in a talk opens it, a table says what its keys do (F029)."""

from msgspec import Struct

from callstream.contracts.config import Speech
from callstream.contracts.states import LegRole
from callstream_media_gateway.domain import effects as do
from callstream_media_gateway.domain import inputs
from callstream_media_gateway.domain.call import OVER, Call
from callstream_media_gateway.domain.consult import complete
from callstream_media_gateway.domain.controls import Control, Situation, possible
from callstream_media_gateway.domain.facts import menu_timer
from callstream_media_gateway.domain.on_control import DO
from callstream_media_gateway.domain.parties import Leg, Menu
from callstream_media_gateway.domain.situation import check, situation

OPEN_S = 10.0
"""Without a key for so long the menu closes."""
MOST_DIGITS = 20


class Choice(Struct, frozen=True):
    """What a key does, and how it is spoken. `number`: a number is keyed in first, `#` behind it."""

    control: Control
    spoken: str
    number: bool = False


_HOLD = Choice(Control.HOLD, "1, hold")
_TRANSFER = Choice(Control.BLIND_TRANSFER, "2, transfer", number=True)
_CONSULT = Choice(Control.CONSULT, "3, three-way call", number=True)

MENU: dict[Situation, dict[str, Choice]] = {
    Situation.TALKING: {"1": _HOLD, "2": _TRANSFER, "3": _CONSULT},
    Situation.HELD: {"1": Choice(Control.RETRIEVE, "1, back to the customer"), "2": _TRANSFER, "3": _CONSULT},
    Situation.ASKING: {"1": Choice(Control.CANCEL, "1, back to the customer")},
    Situation.CONSULTING: {
        "1": Choice(Control.CANCEL, "1, back to the customer"),
        "2": Choice(Control.COMPLETE, "2, complete the transfer"),
        "3": Choice(Control.JOIN, "3, talk together"),
    },
    Situation.CALLING: {
        "1": Choice(Control.CANCEL, "1, back to the customer"),
        "2": Choice(Control.COMPLETE, "2, complete the transfer"),
    },
    Situation.CONFERENCE: {
        "1": Choice(Control.DROP_PARTY, "1, hang up the third party"),
        "2": Choice(Control.LEAVE, "2, leave the call"),
    },
    Situation.JOINED: {"2": Choice(Control.LEAVE, "2, leave the call")},
}
"""`*` goes back, everywhere."""

ASK_NUMBER = "Enter the number, then press the hash key."
NOT_POSSIBLE = "This is not possible."


def key(call: Call, leg: Leg, digit: str) -> None:
    """A key of an agent's phone."""
    menu = call.menus.get(leg.leg_id)
    if call.internal or call.customer in OVER:
        return
    if menu is None:
        if digit == "*" and situation(call, leg.agent_id) in MENU:
            _open(call, leg)
    elif digit == "*":
        _close(call, menu)
    elif menu.control is None:
        _choose(call, leg, menu, digit)
    else:
        _type(call, leg, menu, menu.control, digit)


def refused(call: Call, given: inputs.MenuRefused) -> None:
    """What was keyed in, or asked for by REFER, cannot be done: say so, and close."""
    for leg in call.legs.values():
        if leg.agent_id == given.agent_id:
            call.answer_refer(leg, given.sip_status)
    for leg in call.legs.values():
        if leg.role is LegRole.AGENT and leg.agent_id == given.agent_id and leg.leg_id in call.talk:
            _say(call, call.next_id("f"), leg.leg_id, NOT_POSSIBLE)
            return


def referred(call: Call, given: inputs.PhoneRefers) -> None:
    """The phone's own transfer key: as if the menu's number had been keyed in, or its choice to complete the transfer.

    Its other call is none of this consultation's: 481, as an INVITE with that Replaces would be answered (RFC 3891 3).
    """
    leg = call.legs.get(given.leg_id)
    if leg is None or leg.role is not LegRole.AGENT or call.customer in OVER:
        call.effects.append(do.AnswerRefer(given.leg_id, 603))
        return
    leg.refers = True
    if given.other is not None:
        _connect(call, leg, given.other)
    elif Control.BLIND_TRANSFER in possible(situation(call, leg.agent_id), internal=call.internal):
        call.effects.append(do.Choose(leg.agent_id, Control.BLIND_TRANSFER, given.typed))
    else:
        call.answer_refer(leg, 603)
        if leg.leg_id in call.talk:
            _say(call, call.next_id("f"), leg.leg_id, NOT_POSSIBLE)


def _connect(call: Call, leg: Leg, other: str) -> None:
    """The agent's two calls with each other, which is an attended transfer whichever of them asks (F016)."""
    consult, possible_now = call.consult, possible(situation(call, leg.agent_id), internal=call.internal)
    if consult is None or {leg.leg_id, other} != {consult.agent_leg, consult.own_leg} or Control.COMPLETE not in possible_now:
        call.answer_refer(leg, 481)
        return
    call.answer_refer(leg, 200)
    complete(call, call.legs[consult.agent_leg], leg.agent_id)


def time_up(call: Call, leg_id: str) -> None:
    """The agent thinks better of it."""
    menu = call.menus.get(leg_id)
    if menu is not None:
        _close(call, menu)


def _open(call: Call, leg: Leg) -> None:
    spoken = ". ".join(choice.spoken for choice in MENU[situation(call, leg.agent_id)].values())
    menu = call.menus[leg.leg_id] = Menu(leg.leg_id, call.next_id("f"))
    _say(call, menu.play_id, leg.leg_id, f"{spoken}. Star, back.")
    call.start_timer(menu_timer(leg.leg_id), OPEN_S)


def _choose(call: Call, leg: Leg, menu: Menu, digit: str) -> None:
    choice = MENU.get(situation(call, leg.agent_id), {}).get(digit)
    if choice is None:
        return
    if choice.number:
        menu.control = choice.control
        _say(call, menu.play_id, leg.leg_id, ASK_NUMBER)
        call.start_timer(menu_timer(leg.leg_id), OPEN_S)
        return
    _close(call, menu)
    DO[choice.control](call, check(call, choice.control, leg.agent_id), leg.agent_id)


def _type(call: Call, leg: Leg, menu: Menu, control: Control, digit: str) -> None:
    if digit == "#":
        _close(call, menu)
        call.effects.append(do.Choose(leg.agent_id, control, menu.typed))
    elif len(menu.typed) < MOST_DIGITS:
        menu.typed += digit
        call.start_timer(menu_timer(leg.leg_id), OPEN_S)


def _close(call: Call, menu: Menu) -> None:
    del call.menus[menu.leg_id]
    call.stop_timer(menu_timer(menu.leg_id))
    call.effects.append(do.StopPlay(menu.play_id))


def _say(call: Call, play_id: str, leg_id: str, text: str) -> None:
    call.effects.append(do.StartPlay(play_id, (Speech(text=text),), 1, True, leg_id))
