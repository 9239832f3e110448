"""Inputs that are commands to a call that goes on. `agent_id`: in whose service it happens; `actor`: the person."""

from callstream.contracts.config import CollectTemplate, Prompt, Survey
from callstream.contracts.states import Supervision
from callstream_media_gateway.domain.controls import Control
from callstream_media_gateway.domain.inputs import Input


class Controlled(Input, frozen=True, kw_only=True):
    """A command that says no more than what and who."""

    control: Control
    agent_id: str
    actor: str


class AskAgent(Input, frozen=True, kw_only=True):
    """`consult`, of another agent."""

    agent_id: str
    actor: str
    target_agent_id: str
    own_leg: str = ""
    """The agent's phone has called the target: the id of that leg."""
    hops: int = 70
    """Those that this call of the phone's has left for ours."""


class AskOutside(Input, frozen=True, kw_only=True):
    """`consult`, of an outside party."""

    agent_id: str
    actor: str
    number: str
    """E.164; may be dialled."""
    own_leg: str = ""
    hops: int = 70
    """As AskAgent's."""


class HandOver(Input, frozen=True, kw_only=True):
    """`blind-transfer` to an agent or to a group."""

    agent_id: str
    actor: str
    target_agent_id: str = ""
    group_id: str = ""
    prompts: tuple[Prompt, ...] = ()


class HandOut(Input, frozen=True, kw_only=True):
    """`blind-transfer` to an outside number."""

    agent_id: str
    actor: str
    number: str
    prompts: tuple[Prompt, ...] = ()


class Supervise(Input, frozen=True, kw_only=True):
    """`supervise`: an agent's phone, or a number that may be dialled, rings."""

    agent_id: str
    actor: str
    mode: Supervision
    supervisor_agent_id: str = ""
    number: str = ""


class SendKeys(Input, frozen=True, kw_only=True):
    """`send-digits`."""

    agent_id: str
    actor: str
    digits: str


class PlayTo(Input, frozen=True, kw_only=True):
    """`play-to-customer`."""

    agent_id: str
    actor: str
    play_id: str
    prompts: tuple[Prompt, ...]


class Collect(Input, frozen=True, kw_only=True):
    """`collect-digits`."""

    agent_id: str
    actor: str
    collection_id: str
    template: CollectTemplate


class AskRating(Input, frozen=True, kw_only=True):
    """`survey`."""

    agent_id: str
    actor: str
    survey: Survey


class RunFlow(Input, frozen=True, kw_only=True):
    """`run-flow`, of a flow that is published."""

    agent_id: str
    actor: str
    flow_id: str
    flow_version: int
