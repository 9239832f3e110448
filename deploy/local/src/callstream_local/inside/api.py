"""The running copy's HTTP APIs, as its administrator."""

from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from callstream.contracts.envelope import Recorded, decode_body
from callstream_local import services, state
from callstream_local.folder import DataFolder
from callstream_local.lock import holder


class NotRunning(Exception):
    """Nothing runs on the data folder."""


class ApiError(Exception):
    """The service refused; the message is its own and names the field."""


class Api:
    """Console and reporting of one running copy. Use as a context manager."""

    def __init__(self, folder: DataFolder) -> None:
        now = state.read(folder)
        if holder(folder) is None or now is None:
            raise NotRunning(f"nothing runs on {folder.root}; start it with `callstream up`")
        # Of a service in several copies the first one answers: each knows all.
        self._urls = {name.removesuffix("-0"): part.http for name, part in now.parts.items()}
        self._client = httpx.Client(timeout=30)
        login = {"email": services.ADMIN_EMAIL, "password": folder.secret("admin")}
        token = self._checked(self._client.post(f"{self._urls['console']}/v1/login", json=login)).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def url(self, service: str) -> str:
        """Where a service answers."""
        return self._urls[service]

    def get(self, service: str, path: str, **parameters: Any) -> Any:
        """The decoded JSON of a GET; raises ApiError."""
        wanted = {name: value for name, value in parameters.items() if value not in (None, "")}
        return self._checked(self._client.get(self._urls[service] + path, params=wanted)).json()

    def post(self, service: str, path: str, body: Any) -> Any:
        """The decoded JSON of a POST; raises ApiError."""
        return self._checked(self._client.post(self._urls[service] + path, json=body)).json()

    def delete(self, service: str, path: str) -> None:
        """A DELETE; raises ApiError."""
        self._checked(self._client.delete(self._urls[service] + path))

    def put(self, service: str, path: str, content: bytes, **parameters: str) -> Any:
        """The decoded JSON of a PUT of raw bytes; raises ApiError."""
        return self._checked(self._client.put(self._urls[service] + path, content=content, params=parameters)).json()

    def download(self, service: str, path: str) -> bytes:
        """The bytes of a GET; raises ApiError."""
        return self._checked(self._client.get(self._urls[service] + path)).content

    def timeline(self, call_id: str) -> list[Recorded]:
        """A call's events in log order."""
        rows = self.get("reporting", f"/v1/records/{call_id}/timeline")
        return [
            Recorded(
                seq=row["seq"],
                id="",
                tenant="",
                aggregate=row["aggregate"],
                aggregate_id=row["aggregate_id"],
                time=datetime.fromisoformat(row["at"]),
                source=row["source"],
                event=decode_body(row["type"], msgspec.json.encode(row["body"])),
                correlation_id=call_id,
            )
            for row in rows
        ]

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        try:
            error = response.json()
            where = f"{error['field']}: " if error.get("field") else ""
            raise ApiError(f"{where}{error['message']} ({error['reason']})")
        except (ValueError, KeyError):
            raise ApiError(f"{response.request.url}: HTTP {response.status_code}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()
