"""Every event and command there is, registered: importing this module makes the registries complete.

A reader that knew only the types that its own code happens to import would take the others for poison.
"""

from callstream.contracts import (
    agent_events,
    call_commands,
    call_events,
    commands,
    control_events,
    ivr_events,
    queue_events,
    trunk_commands,
)
from callstream.contracts.commands import COMMAND_TYPES
from callstream.contracts.envelope import EVENT_TYPES, UPCASTERS

MODULES = (agent_events, call_commands, call_events, commands, control_events, ivr_events, queue_events, trunk_commands)

__all__ = ["COMMAND_TYPES", "EVENT_TYPES", "MODULES", "OWNERS", "UPCASTERS"]

OWNERS = {"call": "media-gateway", "ivr": "ivr", "queue": "routing", "agent": "agent-state"}
"""Aggregate → the one service that appends to it."""
