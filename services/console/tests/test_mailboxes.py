"""Voicemail nodes in manifests: their mailboxes must exist, and stay while a flow takes messages for them."""

from typing import Any

import pytest

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.domain.deletion import check_deletion
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.plan import plan

from .test_manifest_plan import WHOLE, after, manifest


def flows(**box: Any) -> list[dict[str, Any]]:
    node = {"kind": "voicemail", "id": "box", "prompts": [{"kind": "tts", "text": "Speak."}], "next": "bye", **box}
    return [
        {
            "id": "night",
            "name": "Night",
            "nodes": [{"kind": "start", "id": "s", "next": "box"}, node, {"kind": "end", "id": "bye"}],
        }
    ]


CENTRE = {"groups": WHOLE["groups"], "agents": WHOLE["agents"]}
GROUP, AGENT = WHOLE["groups"][0]["id"], WHOLE["agents"][0]["id"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("box", "reason", "field"),
    [
        ({"group_id": "nobody"}, Reason.UNKNOWN_GROUP, "group_id"),
        ({"agent_id": "9999"}, Reason.UNKNOWN_AGENT, "agent_id"),
        ({"group_id": GROUP, "prompts": [{"kind": "audio", "audio_id": "gone"}]}, Reason.INVALID, "prompts[0]"),
    ],
)
def test_a_mailbox_that_does_not_exist(box: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        plan(Holdings(), manifest(**CENTRE, flows=flows(**box)))
    assert (refused.value.reason, refused.value.field) == (reason, f"flows[night].nodes[box].{field}")


@pytest.mark.parametrize(
    ("kind", "key_id", "box"), [("group", GROUP, {"group_id": GROUP}), ("agent", AGENT, {"agent_id": AGENT})]
)
def test_whoever_has_a_mailbox_is_not_deleted(kind: str, key_id: str, box: dict[str, Any]) -> None:
    holdings = after(Holdings(), **CENTRE, flows=flows(**box))
    with pytest.raises(Refusal) as refused:
        check_deletion(holdings, kind, key_id)
    assert refused.value.reason is Reason.CONFLICT
    assert "flow night" in refused.value.message
