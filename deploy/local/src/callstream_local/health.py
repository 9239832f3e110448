"""Asking a service whether it is ready."""

import asyncio
import http.client


async def is_ready(host: str, port: int, *, timeout_s: float = 2.0) -> bool:
    """Whether GET /readyz answers 200 within the time."""
    return await asyncio.to_thread(_ask, host, port, timeout_s)


def _ask(host: str, port: int, timeout_s: float) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
