"""Wiring of reporting: follow the whole log into the tables, and answer questions about them.

PostgreSQL away at the start: not ready, tried again for ever; the calls of the house do not notice.
"""

import asyncio

from msgspec.structs import replace

from callstream.contracts.commands import CallData, CustomerOf, GetCallData, RebuildProjections
from callstream.contracts.subjects import ALL_EVENTS
from callstream.runtime.auth import TokenVerifier
from callstream.runtime.bucket import Bucket
from callstream.runtime.config_watch import Configuration
from callstream.runtime.migrations import open_pool
from callstream.runtime.origins import hook_origins
from callstream.runtime.service import Service, run
from callstream.runtime.tasks import end
from callstream.runtime.tenant_buckets import TenantBuckets
from callstream_reporting import migrations
from callstream_reporting.adapters.accesses import Accesses
from callstream_reporting.adapters.agent_states import AgentStates
from callstream_reporting.adapters.house_key import house_key
from callstream_reporting.adapters.mailboxes import Mailboxes
from callstream_reporting.adapters.post import Post
from callstream_reporting.adapters.projection import Projection
from callstream_reporting.adapters.pushes import Pushes
from callstream_reporting.adapters.recording_store import Store
from callstream_reporting.adapters.records import Records
from callstream_reporting.api import Parts, build_api
from callstream_reporting.app.on_events import Projector
from callstream_reporting.app.on_log import LogFollower
from callstream_reporting.app.push_recordings import PushRecordings
from callstream_reporting.config import read_config
from callstream_reporting.domain.call_data import call_data
from callstream_reporting.domain.customer import customer_of
from callstream_reporting.domain.record import Names

MAX_LAG = 5_000
"""Events behind which boards and records are too old to call the service ready."""


def main() -> None:
    """Run the service."""
    config = read_config()

    async def wire(service: Service) -> None:
        pool = await open_pool(config.database_url, "callstream_reporting", migrations.HEAD)
        service.on_stop.append(pool.close)
        projection = Projection(pool)
        projector = Projector(service.store, projection)
        follower = LogFollower(service.store, [ALL_EVENTS], projector)
        records = Records(pool, names_of(service.config))
        verifier = TokenVerifier.from_file(config.public_key_file)
        store = Store(
            directory=config.recordings,
            key=await house_key(pool),
            bucket=Bucket(config.bucket) if config.bucket is not None else None,
            tenants=TenantBuckets(service.archive_keys(), hook_origins()),
        )
        pushes, post = Pushes(pool), Post(hook_origins())
        push = PushRecordings(pushes, records, store, service.config, post, service.clock, config.public_url)
        parts = Parts(
            records=records,
            verifier=verifier,
            accesses=Accesses(pool),
            store=store,
            pushes=pushes,
            mailboxes=Mailboxes(pool),
            states=AgentStates(pool),
            configuration=service.config,
        )
        service.mount(build_api(parts))

        async def rebuild(_: RebuildProjections, __: str) -> None:
            await projector.rebuild()

        async def lag() -> str:
            return follower.complaint(MAX_LAG)

        async def customer(asked: CustomerOf, _: str) -> str:
            return customer_of(await records.get(asked.tenant, asked.call_id), asked)

        async def data(asked: GetCallData, _: str) -> CallData:
            known = call_data((await projection.summaries([asked.call_id])).get(asked.call_id), asked)
            return replace(known, remark=await records.remark_on(asked.tenant, asked.call_id))

        service.on_command(RebuildProjections, rebuild)
        service.on_command(CustomerOf, customer)
        service.on_command(GetCallData, data)
        service.check("projection", lag)
        pushing = asyncio.create_task(push.run())

        async def stop_pushing() -> None:
            await end(pushing)
            await post.close()

        service.on_start.append(follower.start)
        service.on_stop += [follower.stop, stop_pushing]

    run("reporting", wire)


def names_of(configuration: Configuration) -> Names:
    """Present names of agents and groups."""

    def name(tenant: str, kind: str, object_id: str) -> str | None:
        found = configuration.agent(tenant, object_id) if kind == "agent" else configuration.group(tenant, object_id)
        return found.name if found else None

    return name


if __name__ == "__main__":
    main()
