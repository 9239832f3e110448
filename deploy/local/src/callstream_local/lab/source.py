"""Where the lab's material comes from: policy files, spans of time, the running copy's log and configuration."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from callstream.contracts.envelope import Recorded
from callstream.contracts.subjects import events_of
from callstream.runtime.config_watch import Configuration
from callstream.runtime.connect import connect
from callstream.runtime.event_store import EventStore
from callstream.runtime.jetstream_store import JetStreamStore
from callstream_local import state
from callstream_local.embedded.nats_permissions import OPERATOR
from callstream_local.folder import DataFolder
from callstream_local.inside.api import NotRunning
from callstream_local.lab.errors import LabError
from callstream_local.lab.policy import Policy
from callstream_local.lock import holder

CONFIGURATION_S = 10.0
"""For the configuration to arrive from the running copy."""


def read_policy_file(path: Path) -> dict[str, Any]:
    """The decoded YAML; raises LabError."""
    try:
        wanted = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabError("policy", str(error)) from error
    if not isinstance(wanted, dict):
        raise LabError("policy", f"{path}: a mapping with settings, groups or agents is needed")
    return wanted


def read_span(text: str) -> tuple[datetime | None, datetime | None]:
    """`FROM..TO` in ISO 8601, either may be missing; without a zone they are UTC. Raises LabError."""
    first, dots, last = text.partition("..")
    if not dots:
        raise LabError("events", f"{text!r} should be FROM..TO, for example 2026-03-02T08:00..2026-03-02T18:00")
    begin, end = _moment(first), _moment(last)
    if begin is not None and end is not None and begin >= end:
        raise LabError("events", f"{text!r}: the end is not behind the beginning")
    return begin, end


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise LabError("events", str(error)) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def of_tenant(events: Sequence[Recorded], tenant: str) -> list[Recorded]:
    """The events of the tenant; "" is the only one there is. Raises LabError when there are several to choose from, or none."""
    tenants = sorted({recorded.tenant for recorded in events})
    if not tenant and len(tenants) > 1:
        raise LabError("tenant", f"the log holds several: {', '.join(tenants)}")
    wanted = tenant or (tenants[0] if tenants else "")
    found = [recorded for recorded in events if recorded.tenant == wanted]
    if not found:
        raise LabError("tenant", f"the log holds no event of {wanted!r}" if wanted else "the log is empty")
    return found


@asynccontextmanager
async def running_copy(folder: DataFolder) -> AsyncIterator[tuple[EventStore, Configuration]]:
    """Log and configuration of the copy that runs on `folder`; raises NotRunning."""
    now = state.read(folder)
    if holder(folder) is None or now is None:
        raise NotRunning(f"nothing runs on {folder.root}; start it with `callstream up`")
    nc = await connect(now.nats, name="lab", user=OPERATOR, password=folder.secret(f"nats:{OPERATOR}"))
    configuration = Configuration()
    try:
        await configuration.watch(nc)
        async with asyncio.timeout(CONFIGURATION_S):
            await configuration.ready.wait()
        yield JetStreamStore(nc, OPERATOR), configuration
    finally:
        await configuration.stop()
        await nc.close()


async def read_log(store: EventStore, configuration: Configuration, tenant: str) -> tuple[Policy, list[Recorded]]:
    """Configuration and whole log of one tenant, up to now."""
    events: list[Recorded] = []

    async def take(batch: list[Recorded]) -> None:
        events.extend(batch)

    subscription = await store.subscribe([events_of("*", "*", tenant or "*")], 0, take)
    try:
        await subscription.caught_up.wait()
    finally:
        await subscription.stop()
    own = of_tenant(events, tenant)
    return policy_of(configuration, own[0].tenant), own


async def read_running(folder: DataFolder, tenant: str) -> tuple[Policy, list[Recorded]]:
    """The same of the copy that runs on `folder`; raises NotRunning."""
    async with running_copy(folder) as (store, configuration):
        return await read_log(store, configuration, tenant)


def policy_of(configuration: Configuration, tenant: str) -> Policy:
    """What is published for the tenant."""
    return Policy(
        settings=configuration.settings(tenant),
        customer_types=tuple(configuration.customer_types(tenant)),
        customers=tuple(configuration.customers(tenant)),
        groups=tuple(configuration.groups(tenant)),
        agents=tuple(configuration.agents(tenant)),
    )
