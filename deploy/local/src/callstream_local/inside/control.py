"""What the events of call control meant, in one sentence each."""

from collections.abc import Callable
from typing import Any

from callstream.contracts import call_events as call
from callstream.contracts import control_events as control
from callstream.contracts.envelope import Event
from callstream.contracts.states import LegRole, Purpose

_WANTED = {
    Purpose.CONSULT: "wants to ask",
    Purpose.INVITE: "wants to invite",
    Purpose.INTERNAL: "wants to talk to",
}


def dialled(e: call.CallDialled) -> str:
    """Who is called, and which number they see."""
    if e.purpose is Purpose.INTERNAL:
        return f"agent {e.agent_id} calls agent {e.callee}"
    shown = f", showing {e.caller}" if e.caller else ""
    if e.purpose is Purpose.CALLBACK:
        return f"{e.callee} is to be called back{shown}, as asked for in call {e.callback_of}; agent {e.agent_id} first"
    chosen = f" (chosen by {e.chosen_by})" if e.chosen_by else ""
    return f"agent {e.agent_id} calls {e.callee}{shown}{chosen}"


def leg_started(e: call.LegStarted) -> str:
    """Whose phone is rung."""
    return f"INVITE to {party(e)}" + ("'s phone" if not e.number else "")


def transfer_started(e: call.TransferStarted) -> str:
    """To whom the customer is moved."""
    to = f"agent {e.target_agent_id}" if e.target_agent_id else f"group {e.group_id}"
    return f"{e.actor} moves the customer from agent {e.agent_id} to {to}"


def party(e: Any) -> str:
    """A party by its role."""
    if e.role is LegRole.SUPERVISOR:
        return f"supervisor {e.agent_id or e.number}".rstrip()
    if e.agent_id:
        return f"agent {e.agent_id}"
    return f"{e.role} {e.number}".rstrip()


def _consult(e: control.ConsultStarted) -> str:
    target = f"agent {e.target_agent_id}" if e.target_agent_id else e.number
    return f"agent {e.agent_id} consults {target}, the customer is held"


def _transferred(e: control.CallTransferred) -> str:
    to = f"agent {e.to_agent_id}" if e.to_agent_id else e.to_number
    return f"{to} serves the customer from now on instead of agent {e.agent_id} ({e.how})"


def _playback(e: control.PlaybackStarted) -> str:
    what = f"says '{e.text}'" if e.text else f"plays {', '.join(e.audio_ids)}"
    return f"{e.actor} {what} to the customer"


def _by(actor: str) -> str:
    return f", by {actor}" if actor else ""


MEANINGS: dict[type[Event], Callable[[Any], str]] = {
    control.LegAnswered: lambda e: f"{party(e)} picked up",
    control.AgentWanted: lambda e: f"agent {e.agent_id} {_WANTED.get(e.purpose, e.purpose)} agent {e.target_agent_id}",
    control.CallHeld: lambda e: f"agent {e.agent_id} holds the call{_by(e.actor) or ', by their phone'}",
    control.CallRetrieved: lambda e: f"agent {e.agent_id} has the call back{_by(e.actor) or ', by their phone'}",
    control.AgentMuted: lambda e: f"agent {e.agent_id} is muted",
    control.AgentUnmuted: lambda e: f"agent {e.agent_id} is heard again",
    control.ConsultStarted: _consult,
    control.ConsultEnded: lambda e: f"the consultation of agent {e.agent_id} is over: {e.how} ({e.reason})",
    control.PartyJoined: lambda e: f"{party(e)} joins the talk{_by(e.actor)}",
    control.PartyLeft: lambda e: f"{party(e)} leaves the talk{_by(e.actor)}",
    control.CallTransferred: _transferred,
    control.SupervisionStarted: lambda e: f"{e.supervisor} hears agent {e.agent_id}: {e.mode}",
    control.SupervisionChanged: lambda e: f"the supervisor goes on with: {e.mode}",
    control.SupervisionEnded: lambda e: f"{e.supervisor} hears agent {e.agent_id} no more",
    control.PlaybackStarted: _playback,
    control.DigitsSent: lambda e: f"{e.actor} pressed {e.count} keys towards the far end",
    control.RecordingPaused: lambda e: f"agent {e.agent_id}'s recording is paused{_by(e.actor)}",
    control.RecordingResumed: lambda e: f"agent {e.agent_id}'s recording goes on{_by(e.actor)}",
    control.CollectionStarted: lambda e: (
        f"the customer is asked to key in {e.template_id}" + (" (secret)" if e.sensitive else "")
    ),
    control.DigitsCollected: lambda e: f"keyed in for {e.template_id}: {e.digits or 'nothing'} ({e.how})",
    control.FlowStarted: lambda e: f"agent {e.agent_id} sends the customer into flow {e.flow_id}",
    control.FlowLeft: lambda e: f"the customer is back from the flow ({e.how}{', ' + e.node_id if e.node_id else ''})",
    control.SurveyStarted: lambda e: f"agent {e.agent_id} has left, the customer is asked for a rating",
    control.CallRated: lambda e: f"the customer rated agent {e.agent_id} with {e.rating}",
}
