"""POST to a tenant's address, at origins that the operator names only; redirects and proxies are not followed."""

import httpx

from callstream.runtime.origins import origin

ANSWER_S = 10.0


class NotTaken(Exception):
    """Why; nothing that the address answered, which is not for us to keep."""


class Post:
    """`await post(url, body, headers)`; `close` at the end."""

    def __init__(self, origins: frozenset[str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`origins` as `https://host` or `https://host:port`."""
        self._origins = origins
        self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False, transport=transport, timeout=ANSWER_S)

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Taken when the answer is 2xx; else raises NotTaken."""
        if origin(url) not in self._origins:
            raise NotTaken("the operator has not allowed this origin")
        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as response:
                if not response.is_success:
                    raise NotTaken(f"HTTP {response.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotTaken(type(error).__name__) from None

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()
