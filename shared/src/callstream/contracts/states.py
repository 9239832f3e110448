"""Words that several contracts share."""

from enum import StrEnum


class AgentState(StrEnum):
    """States of a voice agent (docs/features.md, appendix 1b)."""

    OFFLINE = "offline"
    IDLE = "idle"
    BUSY_SET = "busy-set"
    BREAK = "break"
    RINGING = "ringing"
    BUSY = "busy"
    WRAP_UP = "wrap-up"


class Presence(StrEnum):
    """Whether an agent can be reached: the second axis beside the activity, which AgentState tells."""

    OFFLINE = "offline"
    ONLINE = "online"
    SUSPECT = "suspect"
    """The browser session has gone silent: no new contact, nobody is signed out yet."""


class Terminal(StrEnum):
    """What an agent answers on."""

    BROWSER = "browser"
    DESK_PHONE = "desk-phone"
    MOBILE = "mobile"
    """An outside number, bound by the agent (F034, F061)."""


class AnswerOnMobile(StrEnum):
    """When offers go to the bound mobile number (F034)."""

    NEVER = "never"
    ALWAYS = "always"
    WHEN_OFFLINE = "when-offline"
    """Only while the web session is lost or closed."""


class Channel(StrEnum):
    """Kinds of contacts. Voice is limited to one an agent, always (F048)."""

    VOICE = "voice"
    CHAT = "chat"
    EMAIL = "email"
    MESSAGE = "message"


class Direction(StrEnum):
    """Who began a call."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    """An agent called a number."""
    INTERNAL = "internal"
    """An agent called an agent (F056)."""


class OutboundMemory(StrEnum):
    """What becomes of a caller whom an agent has called within the last three days (F132, F133)."""

    NONE = "none"
    """The number's flow, as for everybody; the agent goes first when one is asked for (D10)."""
    DIRECT = "direct"
    """Past the flow to that agent. Who is in a call is waited for, two minutes at most; whoever cannot come: the flow."""
    PREFERRED = "preferred"
    """Past the flow to that agent if they are free; else the flow."""


class LegRole(StrEnum):
    """What a leg is to its call."""

    CUSTOMER = "customer"
    AGENT = "agent"
    EXTERNAL = "external"
    """An outside party that an agent consults, invites or transfers to (F017, F020, F022)."""
    SUPERVISOR = "supervisor"


class Purpose(StrEnum):
    """What an agent is wanted for, or begins a call for."""

    TRANSFER = "transfer"
    CONSULT = "consult"
    INVITE = "invite"
    INTERNAL = "internal"
    OUTBOUND = "outbound"
    CALLBACK = "callback"
    """A customer who has asked for it is called back: an agent is offered it first."""
    SUPERVISION = "supervision"


class Supervision(StrEnum):
    """What a supervisor's leg does (F215, F216)."""

    LISTEN = "listen"
    """Hears all; nobody hears them."""
    WHISPER = "whisper"
    """The agent hears them, the customer does not."""
    BARGE = "barge"
    """Talks with all."""


class Criterion(StrEnum):
    """What a group ranks its eligible agents by; a group lists them in their order, and longest idle closes every list."""

    LONGEST_IDLE = "longest-idle"
    """Idle for longest, whatever group they worked for last (F119)."""
    FEWEST_CALLS = "fewest-calls"
    """Fewest calls answered today, in the tenant's time zone (F120, D6)."""
    AGENT_PRIORITY = "agent-priority"
    """The agent's priority in this group, 1 first (F121, D1)."""
    AGENT_LEVEL = "agent-level"
    """Higher level first, whatever the idle time (F122)."""
    SKILL_LEVEL = "skill-level"
    """Greater sum of the agent's levels in the skills that the request needs now."""
    ANSWER_RATE = "answer-rate"
    """Greater share of today's offers answered (F135)."""


class MissedPolicy(StrEnum):
    """What becomes of an agent who let an offer ring out (decision D2)."""

    STAY_IDLE = "stay-idle"
    BREAK = "break"
    BREAK_AFTER = "break-after"
    """Break after `missed_limit` misses in a row."""


class AfterWrapUp(StrEnum):
    """Where the end of wrap-up leads (decision D3)."""

    PREVIOUS = "previous"
    IDLE = "idle"
