"""Whom somebody means who has typed a number on a phone."""

from callstream.runtime.config_watch import Configuration


def whom(configuration: Configuration, tenant: str, typed: str) -> tuple[str, str]:
    """(agent id, "") of the agent whose id or extension (SIP user) this is, or else ("", the number as typed)."""
    if configuration.agent(tenant, typed) is not None:
        return typed, ""
    return next(((agent.id, "") for agent in configuration.agents(tenant) if agent.sip_user == typed), ("", typed))
