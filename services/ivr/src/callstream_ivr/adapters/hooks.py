"""Asks a tenant's HTTP interface. Only origins that the operator names are asked, so that nobody who may write configuration
can have us fetch what lies behind the firewall; redirects and proxies are not followed, and an answer is read up to 4 KiB.
"""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from callstream.contracts.config import Hook
from callstream.contracts.scalars import Token
from callstream.runtime.origins import origin
from callstream_ivr.app.ask_preferred import HookFailed

MAX_ANSWER = 4096


class Named(msgspec.Struct, frozen=True):
    """The answer: the agent to prefer, or null."""

    agent_id: Token | None = None


class Hooks:
    """`await hooks.ask(hook, data)`; `close` at the end."""

    def __init__(self, origins: frozenset[str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`origins` as `https://host` or `https://host:port`, the only ones to be asked."""
        self._origins = origins
        self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False, transport=transport)

    async def ask(self, hook: Hook, data: Mapping[str, Any]) -> str:
        """POST `data`; the agent that the answer names, or empty. Raises HookFailed; the caller bounds the time as a whole."""
        if origin(hook.url) not in self._origins:
            raise HookFailed("the operator has not allowed this origin")
        try:
            async with self._client.stream("POST", hook.url, json=dict(data), timeout=hook.timeout_ms / 1000) as response:
                if response.status_code == httpx.codes.NO_CONTENT:
                    return ""
                if response.status_code != httpx.codes.OK:
                    raise HookFailed(f"HTTP {response.status_code}")
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_ANSWER:
                        raise HookFailed(f"more than {MAX_ANSWER} bytes")
            return msgspec.json.decode(content, type=Named).agent_id or ""
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise HookFailed(type(error).__name__) from None
        except msgspec.MsgspecError as error:
            raise HookFailed(f"not an answer: {error}") from None

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()
