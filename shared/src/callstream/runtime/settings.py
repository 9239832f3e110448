"""The environment that every service understands; nothing else in the library reads it. Services add theirs in config.py.

CALLSTREAM_SERVICE        name of the service (default: what its main gives)
CALLSTREAM_INSTANCE       stable name of this copy, a subject token (default: the service's name)
CALLSTREAM_COPY           0/2: this is the first of two copies that share the service's tenants (default 0/1; runtime.shares)
CALLSTREAM_NATS_URL       nats://host:port (default nats://127.0.0.1:4222)
CALLSTREAM_NATS_USER, CALLSTREAM_NATS_PASSWORD
CALLSTREAM_HTTP_HOST      default 127.0.0.1
CALLSTREAM_HTTP_PORT      default 0: any free port, told in the log
CALLSTREAM_DATABASE_URL   postgresql://…, only for services with a database
CALLSTREAM_DATA_DIR       folder for recordings and the like
CALLSTREAM_LOG_LEVEL      debug, info (default), warning, error
OTEL_EXPORTER_OTLP_ENDPOINT   http://host:port; absent: no traces are exported
"""

import os
from collections.abc import Mapping

import msgspec

from callstream.kernel.ids import is_token


class InvalidSetting(Exception):
    """A variable of the environment is wrong; the message names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says."""

    service: str
    instance: str
    copy: int = 0
    copies: int = 1
    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    database_url: str = ""
    data_dir: str = ""
    log_level: str = "info"
    otlp_endpoint: str = ""

    def __repr__(self) -> str:
        """Without secrets: this may be logged."""
        return f"Settings(service={self.service!r}, instance={self.instance!r}, nats_url={self.nats_url!r})"


MOST_COPIES = 16
LOG_LEVELS = ("debug", "info", "warning", "error")


def read_settings(service: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process. Raises InvalidSetting."""
    name = environ.get("CALLSTREAM_SERVICE") or service
    copy, copies = _copy(environ.get("CALLSTREAM_COPY") or "0/1")
    settings = Settings(
        service=name,
        instance=environ.get("CALLSTREAM_INSTANCE") or name,
        copy=copy,
        copies=copies,
        nats_url=environ.get("CALLSTREAM_NATS_URL") or "nats://127.0.0.1:4222",
        nats_user=environ.get("CALLSTREAM_NATS_USER", ""),
        nats_password=environ.get("CALLSTREAM_NATS_PASSWORD", ""),
        http_host=environ.get("CALLSTREAM_HTTP_HOST") or "127.0.0.1",
        http_port=_port(environ.get("CALLSTREAM_HTTP_PORT") or "0"),
        database_url=environ.get("CALLSTREAM_DATABASE_URL", ""),
        data_dir=environ.get("CALLSTREAM_DATA_DIR", ""),
        log_level=(environ.get("CALLSTREAM_LOG_LEVEL") or "info").lower(),
        otlp_endpoint=environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    )
    for variable, value in (("CALLSTREAM_SERVICE", settings.service), ("CALLSTREAM_INSTANCE", settings.instance)):
        if not is_token(value):
            raise InvalidSetting(f"{variable}: {value!r} cannot stand in a subject (no dots, blanks, * or >)")
    if settings.log_level not in LOG_LEVELS:
        raise InvalidSetting(f"CALLSTREAM_LOG_LEVEL: {settings.log_level!r} is none of {', '.join(LOG_LEVELS)}")
    return settings


def _copy(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not (number.isdigit() and count.isdigit()) or not int(number) < int(count) <= MOST_COPIES:
        raise InvalidSetting(f"CALLSTREAM_COPY: {text!r} is none of 0/1, 0/2, 1/2, … up to {MOST_COPIES} copies")
    return int(number), int(count)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise InvalidSetting(f"CALLSTREAM_HTTP_PORT: {text!r} is no port")
    return int(text)
