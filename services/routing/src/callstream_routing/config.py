"""The environment of routing, read here and nowhere else."""

import os
from pathlib import Path

import msgspec


class RoutingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What routing needs beyond the settings that every service has."""

    public_key_file: Path | None
    """Of console's access tokens; without it decisions are not served over HTTP."""


def read_config() -> RoutingConfig:
    """The configuration of this process: CALLSTREAM_JWT_PUBLIC_KEY_FILE."""
    path = os.environ.get("CALLSTREAM_JWT_PUBLIC_KEY_FILE")
    return RoutingConfig(public_key_file=Path(path) if path else None)
