"""Where our services may send requests to on behalf of tenants: origins that the operator names, and nowhere else.

So nobody who may write configuration can have us ask what lies behind the firewall. Whoever sends follows no redirects and no
proxies.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit


def hook_origins(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """CALLSTREAM_HOOK_ORIGINS, separated by commas: `https://crm.example.com`. What is not named is never asked."""
    named = environ.get("CALLSTREAM_HOOK_ORIGINS", "").split(",")
    return frozenset(origin.strip().rstrip("/") for origin in named if origin.strip())


def origin(url: str) -> str:
    """Scheme, host and port of a URL as the operator writes them; empty for none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}" if parts.netloc else ""
