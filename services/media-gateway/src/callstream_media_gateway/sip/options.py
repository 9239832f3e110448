"""OPTIONS outside of dialogs, as a question whether a peer lives (RFC 3261 11)."""

from __future__ import annotations

import secrets

from .core import Core, new_tag
from .final_answer import FinalAnswer
from .handler import Hop
from .message import Header
from .uri import NameAddr, Uri


async def ask(core: Core, target: Uri, hop: Hop) -> int:
    """The final code; 408 when nothing answers, 503 when it cannot be reached. May last as long as a transaction (64*T1)."""
    me = NameAddr("", Uri.parse(f"sip:{core.sent_by}"), {"tag": new_tag()})
    headers: list[Header] = [
        ("From", str(me)),
        ("To", str(NameAddr("", target))),
        ("Call-ID", secrets.token_hex(12)),
        ("CSeq", "1 OPTIONS"),
        ("Contact", core.contact(None, hop)),
        ("Accept", "application/sdp"),
        ("User-Agent", core.config.name),
    ]
    answer = FinalAnswer()
    core.request("OPTIONS", str(target), headers, b"", hop, answer)
    return (await answer.response).code
