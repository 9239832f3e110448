"""The environment of reporting, read here and nowhere else."""

import os
from pathlib import Path

import msgspec

from callstream.runtime.bucket import BucketSettings, read_bucket


class ReportingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What reporting needs beyond the settings that every service has."""

    database_url: str
    public_key_file: Path
    recordings: Path
    bucket: BucketSettings | None = None
    """Where recordings are once they are archived; None: only in the directory."""
    public_url: str = ""
    """Where tenants reach this API: what comes before the links of pushed recordings (F203) that are not into a bucket."""


def read_config() -> ReportingConfig:
    """The configuration of this process; KeyError names a missing variable."""
    return ReportingConfig(
        database_url=os.environ["CALLSTREAM_DATABASE_URL"],
        public_key_file=Path(os.environ["CALLSTREAM_JWT_PUBLIC_KEY_FILE"]),
        recordings=Path(os.environ["CALLSTREAM_DATA_DIR"]) / "recordings",
        bucket=read_bucket(),
        public_url=os.environ.get("CALLSTREAM_REPORTING_URL", ""),
    )
