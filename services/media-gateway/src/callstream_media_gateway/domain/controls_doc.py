"""The table of controls as documentation: `python -m callstream_media_gateway.domain.controls_doc > docs/call-control.md`."""

import sys

from callstream_media_gateway.domain.controls import INTERNAL, OF_SUPERVISORS, POSSIBLE, Control, Situation
from callstream_media_gateway.domain.menu import MENU

MEANING = {
    Situation.RINGING: "the agent's phone rings",
    Situation.CONNECTING: "the agent has answered; the customer hears the connect prompt",
    Situation.DIALLING: "the agent has dialled; the callee has not answered",
    Situation.TALKING: "agent and customer talk",
    Situation.HELD: "the customer hears music",
    Situation.ASKING: "the customer is held, the consulted party rings",
    Situation.CONSULTING: "the customer is held, agent and consulted party talk",
    Situation.CALLING: "as consulting, on a second call of the agent's phone",
    Situation.CONSULTED: "the agent is the consulted party",
    Situation.IN_FLOW: "the customer is in a flow, and will be back",
    Situation.CONFERENCE: "three talk, the agent serves",
    Situation.JOINED: "three talk, the agent was invited",
}

HEAD = """# Call control

What an agent, a supervisor or a plain phone can do to a call, and when. Every command goes to the media-gateway that
holds the call (`call_commands.py`); what the table does not allow is refused with `illegal-state` and changes nothing.
`call-view` tells an agent's screen what is possible now. What is so already (a second hold) is accepted and changes
nothing.

- **Hold**: the customer hears the tenant's `hold_music`, or calm tones; nobody hears anybody. A desk phone's own hold
  key is the same.
- **Mute**: nobody hears the agent, who hears the others. No music.
- **Consult**: the customer is held while the agent asks a colleague (through routing, so nobody rings twice) or an
  outside number (through the dial guard). Then: complete (the target has the customer), cancel, or join (three talk).
  A desk phone may call the target itself: see below.
- **Blind transfer**: to a colleague, a group, or an outside number. A desk phone's transfer key (REFER) does the same;
  the user part of its target is an agent's id, their extension (SIP user) or a number.
- **Hang-ups** in the middle: [ADR 16](adr/0016-what-a-hang-up-in-the-middle-means.md).
- **Supervision**: listen (heard by nobody), whisper (by the agent), barge (by all). At a plain telephone keys 1 to 3
  choose. Nobody is told, but the log is.
- **Collect**: digits by a template of the tenant's. Of a sensitive one nobody hears the customer meanwhile, the
  recording neither, and only the last four digits are kept.
- **Flow**: the customer goes into a published flow, in which the two do not hear each other, and is back at its end, or
  when the agent resumes. A node of the flow that asks for an agent ends it. Where it ended is told (`call.flow-left`).
- **Survey**: the agent goes, the customer hears the question of the settings' `survey`; a key is `call.rated`.
- **Auto-answer** (`auto_answer` of the agent): INVITEs ask the phone to pick up (`Call-Info: …;answer-after=0`), the
  agent hears a beep before the talk. An agent's own dials always ask it.
- **Dial**: the agent's phone (or mobile) rings first, then the callee; the agent hears the callee's network, or a ring
  tone. An own phone rings 30 s at most, an outside number 60 s. A desk phone may begin the call itself.

## Calls that a desk phone begins

A registered phone calls with its own keys; what it dials is an agent's id, their extension or an outside number. The dial
guard sees an agent then, whatever role they have on the screen.

- **In a talk** the call is the consultation, with the phone's second line as the agent's side of it: the phone rings when
  the target does and is answered with it. Its hold keys choose with whom the agent talks (the others hear music), its own
  conference works, and its transfer key with both calls (REFER with Replaces, on either of them) completes the transfer.
  Who hangs up the second line is back with the customer, whom the phone still holds. The log has the agent once.
- **Idle**, it is a dial or an internal call, without a second ringing of the same phone: the agent is seized as for a dial
  from the screen, hears the callee's network or the phone's own ring tone, and is answered when the callee has answered.
- **At a workplace's phone** it is the agent who talks or is signed in there; its extension is that agent's when it is called.

What cannot be is answered so, and changes nothing:

| | status |
|---|---|
| no or a wrong password | 401; 403 after too many guesses |
| a phone that is not registered from where it calls, and no trunk's address | 403 |
| a destination or caller id that the dial guard refuses; not signed in, or nobody at this workplace | 403 |
| no such number; oneself; who is in the call already | 404 |
| another call rings, is being consulted in, is in a flow or a conference: no `consult` in the table below | 486 |
| busy: the agent, or the callee | 486 |
| nobody answers, can be reached or is signed in at that workplace; a limit of the dial guard | 480 |
| no hop left (Max-Forwards 0) | 483 |
| no codec in common | 488 |
| no trunk, the log or the media worker is away, draining | 503 |
| declined; anything else | 603 |

"""


def document() -> str:
    """The whole page."""
    return "\n".join((HEAD + "## Which command when\n", possible(), "## Feature menu (`*` in a talk)\n", menu()))


def possible() -> str:
    """Commands by situation."""
    where = list(MEANING)
    lines = ["| | " + " | ".join(where) + " |", "|---" * (len(where) + 1) + "|"]
    for control in Control:
        marks = " | ".join("×" if control in POSSIBLE[situation] else "" for situation in where)
        notes = "*" * (control in INTERNAL) + "†" * (control in OF_SUPERVISORS)
        lines.append(f"| `{control}`{notes} | {marks} |")
    lines += ["", "\\* in internal calls too, which have no customer. † a supervisor's; no agent is offered it.", ""]
    lines += [f"- *{situation}*: {meaning}" for situation, meaning in MEANING.items()]
    return "\n".join(lines) + "\n"


def menu() -> str:
    """Keys by situation."""
    lines = ["| in | key | does | then |", "|---|---|---|---|"]
    for situation, choices in MENU.items():
        for key, choice in choices.items():
            then = "number, `#`" if choice.number else ""
            lines.append(f"| {situation} | {key} | `{choice.control}` | {then} |")
    return (
        "\n".join(lines)
        + "\n\n`*` goes back; so do ten seconds without a key. A number is an agent's id, or else an outside number.\n"
    )


if __name__ == "__main__":
    sys.stdout.write(document())
