"""Whether a process is ready."""

import asyncio
import http.client
from pathlib import Path


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


def listens(path: Path) -> bool:
    """Whether some process listens on this Unix socket, without connecting: a media worker takes a caller for its master."""
    accepting = 0x10000
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7] == str(path) and int(fields[3], 16) & accepting:
            return True
    return False
