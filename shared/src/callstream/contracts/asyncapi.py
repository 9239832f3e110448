"""The event catalogue as an AsyncAPI 3 document, made from the registries: `python -m callstream.contracts.asyncapi`.

What others subscribe to is a product: docs/asyncapi.json is this document, and a test holds that it is current.
"""

import sys
from inspect import getdoc
from typing import Any, get_type_hints

import msgspec

from callstream.contracts import envelope
from callstream.contracts.catalogue import COMMAND_TYPES, EVENT_TYPES, OWNERS
from callstream.contracts.commands import Command, Reply
from callstream.contracts.envelope import Event
from callstream.contracts.subjects import EVENTS_STREAM, command_subject, event_subject

VERSION = "1.0.0"
"""Of the contracts as a whole: minor counts additions, major would break readers."""

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/{name}"


def document() -> Json:
    """The whole document."""
    events = [EVENT_TYPES[name] for name in sorted(EVENT_TYPES)]
    commands = [COMMAND_TYPES[key] for key in sorted(COMMAND_TYPES)]
    _, schemas = msgspec.json.schema_components([*events, *commands, _reply_schema()], ref_template=_SCHEMAS)
    channels: Json = {}
    operations: Json = {}
    messages: Json = {"Reply": _message("Reply", Reply)}
    for kind in events:
        messages[kind.TYPE] = _event_message(kind)
        channels[f"event.{kind.TYPE}"] = _event_channel(kind)
        operations[f"publish.{kind.TYPE}"] = {
            "action": "send",
            "channel": _ref("channels", f"event.{kind.TYPE}"),
            "summary": f"{OWNERS[kind.AGGREGATE]} tells that this happened.",
            "messages": [_ref("channels", f"event.{kind.TYPE}", "messages", kind.TYPE)],
        }
    for command in commands:
        name = f"{command.SERVICE}.{command.NAME}"
        messages[name] = _message(name, command)
        channels[f"command.{name}"] = _command_channel(command, name)
        operations[f"handle.{name}"] = _command_operation(command, name)
    channels["reply"] = {
        "address": None,
        "description": "The reply subject that the request names.",
        "messages": {"Reply": _ref("components", "messages", "Reply")},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Callstream",
            "version": VERSION,
            "description": (
                "Everything that happens in a Callstream call centre, as events of one totally ordered JetStream stream "
                f"({EVENTS_STREAM}), and the commands that services answer. Events are CloudEvents 1.0 in binary mode: "
                "attributes in NATS headers, the fact as JSON in the body. A subscriber must ignore fields and types that "
                "it does not know; both are added without a new version. `ce-id` identifies an event: deliveries may repeat."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "NATS with JetStream."}},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": dict(sorted(schemas.items())),
            "messageTraits": {"cloudEvent": {"headers": _header_schema()}},
        },
    }


def render() -> str:
    """The document as text: stable, indented, with a final line break."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"


def _reply_schema() -> type[msgspec.Struct]:
    """Reply as a schema can show it: its result, kept raw by the code, is any JSON."""
    hints = get_type_hints(Reply)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(Reply):
        raw = hints[field.name] is msgspec.Raw
        default = None if raw else field.default
        fields.append((field.name, Any if raw else hints[field.name], default))
    return msgspec.defstruct("Reply", [f[:2] if f[2] is msgspec.NODEFAULT else f for f in fields], kw_only=True)


def _event_message(kind: type[Event]) -> Json:
    return {**_message(kind.TYPE, kind), "traits": [_ref("components", "messageTraits", "cloudEvent")]}


def _message(name: str, kind: type[Any]) -> Json:
    text = getdoc(kind) or ""
    return {
        "name": name,
        "title": kind.__name__,
        "summary": text.split("\n\n")[0].replace("\n", " "),
        "contentType": "application/json",
        "payload": _ref("components", "schemas", kind.__name__),
    }


def _event_channel(kind: type[Event]) -> Json:
    return {
        "address": event_subject("{tenant}", kind.AGGREGATE, "{id}", kind.NAME),
        "description": f"Stored in the stream {EVENTS_STREAM}; appended by {OWNERS[kind.AGGREGATE]} only.",
        "parameters": {
            "tenant": {"description": "The tenant, one subject token; `*` for all."},
            "id": {"description": f"Id of the {kind.AGGREGATE}; `*` for all."},
        },
        "messages": {kind.TYPE: _ref("components", "messages", kind.TYPE)},
    }


def _command_channel(kind: type[Command], name: str) -> Json:
    return {
        "address": command_subject(kind.SERVICE, "{scope}", kind.NAME),
        "description": "Request-reply. Idempotent by `command_id`.",
        "parameters": {"scope": {"description": "The tenant, or the gateway instance that holds the call."}},
        "messages": {name: _ref("components", "messages", name)},
    }


def _command_operation(kind: type[Command], name: str) -> Json:
    return {
        "action": "receive",
        "channel": _ref("channels", f"command.{name}"),
        "summary": f"{kind.SERVICE} answers it.",
        "messages": [_ref("channels", f"command.{name}", "messages", name)],
        "reply": {
            "address": {"location": "$message.header#/reply", "description": "The NATS reply subject."},
            "channel": _ref("channels", "reply"),
            "messages": [_ref("channels", "reply", "messages", "Reply")],
        },
    }


def _header_schema() -> Json:
    def text(description: str, **more: str) -> Json:
        return {"type": "string", "description": description, **more}

    return {
        "type": "object",
        "required": [
            envelope.HEADER_ID, envelope.HEADER_TYPE, envelope.HEADER_SOURCE, envelope.HEADER_TIME, envelope.HEADER_SPEC,
        ],
        "properties": {
            envelope.HEADER_ID: text("Unique; the same when an event is delivered again."),
            envelope.HEADER_TYPE: text("`<aggregate>.<name>.v<version>`."),
            envelope.HEADER_SOURCE: text("The service that appended it."),
            envelope.HEADER_TIME: text("When it happened, UTC, milliseconds.", format="date-time"),
            envelope.HEADER_SPEC: text("CloudEvents version.", const=envelope.SPEC_VERSION),
            envelope.HEADER_CORRELATION: text("The call that it belongs to."),
            envelope.HEADER_CAUSATION: text("The event or command that brought it about."),
            envelope.HEADER_TRACE: text("W3C trace context; the trace is the call's."),
        },
    }  # fmt: skip


def _ref(*path: str) -> Json:
    return {"$ref": "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)}


if __name__ == "__main__":
    sys.stdout.write(render())
