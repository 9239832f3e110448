"""Scenarios of sipp written as lists of steps, and the XML that sipp reads.

    [send("INVITE", body=OFFER), recv(180), recv(200), send("ACK"), send("BYE", 2), recv(200)]

A caller's scenario begins with `send`, a callee's with `recv("INVITE")`. What arrives and stands in no step fails the call,
and so does what stands in one and does not arrive; repetitions are passed over by sipp itself.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.sax.saxutils import quoteattr


class Step(NamedTuple):
    """One element of the scenario: its XML."""

    xml: str


def sdp(
    port: int = 40000, direction: str = "sendrecv", version: int = 1, formats: str = "8 0 101", host: str = "127.0.0.1"
) -> str:
    """A description of one audio line."""
    return "\r\n".join(
        [
            "v=0",
            f"o=sipp 1 {version} IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {formats}",
            "a=rtpmap:101 telephone-event/8000",
            f"a={direction}",
            "",
        ]
    )


OFFER = sdp()
HOLD = sdp(direction="sendonly", version=2)
_ME = "sipp@[local_ip]:[local_port]"
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK[pid]x[call_number]x{branch}"


def send(
    method: str,
    cseq: int = 1,
    *,
    branch: str = "",
    body: str = "",
    extra: str = "",
    kind: str = "application/sdp",
    uri: str = "sip:phone@[remote_ip]:[remote_port]",
    version: str = "SIP/2.0",
    number: str = "",
    callee: bool = False,
    fresh: bool = False,
    tag: str = "",
    again: int = 0,
    lost: bool = False,
    auth: str = "",
    forwards: str = "70",
    user: str = "sipp",
) -> Step:
    """A request.

    branch: its transaction, told apart by method and CSeq when not given. callee: sipp was called, and asks in that dialog.
    tag: which of its forks it is then. fresh: outside of dialogs, although there is one. again: milliseconds after which
    sipp repeats it until it is answered. number: the CSeq header as it stands. lost: it gets lost on the way. extra:
    header lines. auth: sipp's words for it.
    """
    if callee:
        names = [f"From:[$to];tag=[pid]u[call_number]{tag}", "To:[$from]"]
    else:
        outside = fresh or method == "REGISTER"
        whom = user if method == "REGISTER" else "phone"
        names = [
            f'From: "sipp" <sip:{user}@[local_ip]:[local_port]>;tag=[pid]t[call_number]',
            f"To: <sip:{whom}@[remote_ip]:[remote_port]>{'' if outside else '[peer_tag_param]'}",
        ]
    lines = [
        f"{method} {uri} {version}",
        _VIA.format(branch=branch or f"{method}{cseq}"),
        f"Max-Forwards: {forwards}",
        *names,
        "Call-ID: [call_id]",
        f"CSeq: {number or f'{cseq} {method}'}",
        f"Contact: <sip:{_ME};transport=[transport]>",
        *extra.splitlines(),
    ]
    if auth:
        lines.append(f"[authentication {auth}]")
    return _send(lines, body, kind, again, lost)


def reply(
    code: int,
    *,
    body: str = "",
    extra: str = "",
    tag: str = "",
    first: bool = False,
    lost: bool = False,
    again: int = 0,
    contact: str = "",
) -> Step:
    """A response to the request that came last, or to the INVITE that the scenario began with (first). tag: another fork."""
    to = f";tag=[pid]u[call_number]{tag}"
    copied = (
        ["Via:[$via]", "From:[$from]", f"To:[$to]{to}", "[last_Call-ID:]", "CSeq:[$cseq]"]
        if first
        else ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
    )
    where = contact or f"<sip:{_ME};transport=[transport]>"
    lines = [f"SIP/2.0 {code} Whatever", *copied, f"Contact: {where}", *extra.splitlines()]
    return _send(lines, body, "application/sdp", again, lost)


def recv(
    what: int | str,
    *,
    maybe: bool = False,
    within_ms: int = 4000,
    has: str = "",
    lost: bool = False,
    auth: bool = False,
    rseq: bool = False,
) -> Step:
    """A response (its code) or a request (its method). has: a regular expression that the message must match. maybe: it may
    also not come before the next step's. rseq: `RAck:[$rseq] 1 INVITE` acknowledges it."""
    wanted = f'response="{what}"' if isinstance(what, int) else f'request="{what}"'
    more = ' optional="true"' if maybe else f' timeout="{within_ms}"'
    more += ' lost="100"' if lost else ""
    more += ' auth="true"' if auth else ""
    actions = ""
    if what == "INVITE":
        for name, header in (("via", "Via:"), ("from", "From:"), ("to", "To:"), ("cseq", "CSeq:")):
            actions += f'<ereg regexp=".*" search_in="hdr" header="{header}" assign_to="{name}"/>'
    if rseq:
        actions += '<ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="rseq"/>'
    if has:
        actions += f'<ereg regexp={quoteattr(has)} search_in="msg" check_it="true" assign_to="seen"/>'
    return Step(f"<recv {wanted}{more}>{f'<action>{actions}</action>' if actions else ''}</recv>")


def again(what: str, *, has: str = "") -> Step:
    """Another INVITE in the dialog: answered by `reply` without `first`."""
    check = f'<action><ereg regexp={quoteattr(has)} search_in="msg" check_it="true" assign_to="seen"/></action>' if has else ""
    return Step(f'<recv request="{what}" timeout="4000">{check}</recv>')


def pause(milliseconds: int) -> Step:
    return Step(f'<pause milliseconds="{milliseconds}"/>')


def document(name: str, steps: list[Step]) -> str:
    """The scenario as sipp reads it."""
    text = "\n".join(step.xml for step in steps)
    used = [word for word in ("via", "from", "to", "cseq", "rseq", "seen") if f'assign_to="{word}"' in text]
    reference = f'<Reference variables="{",".join(used)}"/>' if used else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name={quoteattr(name)}>\n{text}\n{reference}\n</scenario>\n'


def _send(lines: list[str], body: str, kind: str, again: int, lost: bool) -> Step:
    if body:
        lines = [*lines, f"Content-Type: {kind}"]
    text = "\n".join([*lines, "Content-Length: [len]", "", *body.splitlines(), ""])
    more = f' retrans="{again}"' if again else ""
    more += ' lost="100"' if lost else ""
    return Step(f"<send{more}><![CDATA[\n{text}\n]]></send>")
