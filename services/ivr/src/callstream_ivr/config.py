"""The environment of ivr, read here and nowhere else."""

import os


def hook_origins() -> frozenset[str]:
    """CALLSTREAM_HOOK_ORIGINS, separated by commas: `https://crm.example.com`. What is not named is never asked."""
    named = os.environ.get("CALLSTREAM_HOOK_ORIGINS", "").split(",")
    return frozenset(origin.strip().rstrip("/") for origin in named if origin.strip())
