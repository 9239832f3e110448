"""The demo's configuration: the YAML file of this package and as many agents as are wanted."""

from importlib.resources import files
from typing import Any

import yaml

NUMBER = "+861055550100"
GROUPS = {"1": "sales", "2": "support"}
"""Key of the menu → group that it leads to."""
GUEST = "1900"
"""An agent with an account for the reader's own softphone."""

_NAMES = (
    "Ann",
    "Bo",
    "Chen",
    "Dina",
    "Emil",
    "Fang",
    "Gül",
    "Hugo",
    "Ines",
    "Jun",
    "Kofi",
    "Lena",
    "Min",
    "Nils",
    "Olga",
    "Ping",
)


def agent_ids(count: int) -> list[str]:
    """1001, 1002, …; also the user names of their phones."""
    return [str(1001 + index) for index in range(count)]


def groups_of(index: int) -> list[str]:
    """Every second agent serves both groups, the others take turns; so both queues move at about the same pace."""
    both = ["sales", "support"]
    return [both, ["sales"], both, ["support"]][index % 4]


def demo_manifest(phone_passwords: dict[str, str]) -> dict[str, Any]:
    """What `apply_manifest` takes. One agent for each phone, in this order; the guest is in both groups."""
    manifest: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("call_centre.yaml").read_text())
    manifest["agents"] = [
        {
            "id": agent_id,
            "name": "You" if agent_id == GUEST else _NAMES[index % len(_NAMES)],
            "email": f"agent{agent_id}@localhost",
            "phone": {"user": agent_id, "password": password},
            "groups": groups_of(0 if agent_id == GUEST else index),
        }
        for index, (agent_id, password) in enumerate(phone_passwords.items())
    ]
    return manifest
