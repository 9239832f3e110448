"""Which terminal an agent answers on (F034, F042, F059-F061): decided here, with the reservation, and nowhere else."""

from callstream.contracts.commands import Reservation
from callstream.contracts.config import Agent as AgentDocument
from callstream.contracts.states import AnswerOnMobile, Presence, Terminal
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_agent_state.domain.agent import Agent


def terminal_of(agent: Agent, document: AgentDocument | None, presence: Presence) -> Reservation | None:
    """Where an offer to the signed-in agent goes, were their session in `presence`; None: nowhere, no offer may be made.

    A mobile needs no session. On the others the agent is held to be away when their session is not heard: a phone that would
    ring beside an empty chair.
    """
    mobile = document.mobile if document is not None else None
    if document is not None and mobile is not None:
        when = document.answer_on_mobile
        lost = when is AnswerOnMobile.WHEN_OFFLINE and presence is not Presence.ONLINE
        if agent.terminal is Terminal.MOBILE or when is AnswerOnMobile.ALWAYS or lost:
            return Reservation(terminal=Terminal.MOBILE, address=mobile)
    if agent.terminal is Terminal.MOBILE or presence is not Presence.ONLINE:
        return None
    return Reservation(terminal=agent.terminal, address=agent.extension if agent.terminal is Terminal.DESK_PHONE else "")


def terminal_wanted(wanted: str, document: AgentDocument | None) -> Terminal:
    """The terminal of a new session: the one asked for, else the agent's own."""
    if not wanted:
        return document.terminal if document is not None else Terminal.DESK_PHONE
    if wanted not in set(Terminal):
        raise Refusal(Reason.INVALID, f"{wanted!r} is no terminal; possible are {', '.join(Terminal)}", "terminal")
    if wanted == Terminal.MOBILE and (document is None or document.mobile is None):
        raise Refusal(Reason.INVALID, "the agent has no bound mobile number", "terminal")
    return Terminal(wanted)
