"""The environment of console, read here and nowhere else."""

import os
from pathlib import Path

import msgspec


class ConsoleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What console needs beyond the settings that every service has."""

    database_url: str
    private_key_file: Path
    """Ed25519 PEM that signs access tokens; no other service may read it."""
    public_key_file: Path
    data_dir: Path
    admin_email: str
    admin_password: str
    tenant: str
    """The tenant that the first administrator belongs to."""


def read_config() -> ConsoleConfig:
    """The configuration of this process; KeyError names a missing variable."""
    env = os.environ
    env.setdefault("PYPINYIN_NO_PHRASES", "true")  # a library's own setting: its phrases take 50 MB, and names need none
    return ConsoleConfig(
        database_url=env["CALLSTREAM_DATABASE_URL"],
        private_key_file=Path(env["CALLSTREAM_JWT_PRIVATE_KEY_FILE"]),
        public_key_file=Path(env["CALLSTREAM_JWT_PUBLIC_KEY_FILE"]),
        data_dir=Path(env["CALLSTREAM_DATA_DIR"]),
        admin_email=env["CALLSTREAM_ADMIN_EMAIL"],
        admin_password=env["CALLSTREAM_ADMIN_PASSWORD"],
        tenant=env.get("CALLSTREAM_TENANT", "main"),
    )
