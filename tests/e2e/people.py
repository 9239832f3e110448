"""Logins that are no agent's, for a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from callstream_local.demo.rehearsal import Rehearsal

from .test_supervision import post

PASSWORD = "a password of theirs"


class Login:
    """A person's own session at any service."""

    def __init__(self, client: httpx.AsyncClient, centre: Rehearsal) -> None:
        self._client, self._centre = client, centre

    async def ask(self, method: str, path: str, body: Any = None, service: str = "console") -> tuple[int, Any]:
        """The status and the decoded answer."""
        response = await self._client.request(method, self._centre.api.url(service) + path, json=body)
        return response.status_code, response.json()


@asynccontextmanager
async def supervisor_of(centre: Rehearsal, *groups: str) -> AsyncIterator[Login]:
    """The login of a supervisor of these groups, who has no phone."""
    email = f"boss.{'.'.join(groups)}@example.com"
    person = {"email": email, "role": "supervisor", "password": PASSWORD, "groups": list(groups)}
    await post(centre, "/v1/apply", {"people": [person]})
    login = {"email": email, "password": PASSWORD}
    async with httpx.AsyncClient(timeout=10) as client:
        answered = await client.post(f"{centre.api.url('console')}/v1/login", json=login)
        client.headers["Authorization"] = f"Bearer {answered.json()['access_token']}"
        yield Login(client, centre)
