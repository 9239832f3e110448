"""Apply a manifest: all of it or nothing."""

from collections.abc import Callable

import msgspec

from callstream.contracts.config import Settings
from callstream.contracts.credentials import BucketCredential, SipCredential, TrunkCredential
from callstream.contracts.roles import Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.documents import Connection, Documents
from callstream_console.adapters.people import Login, People
from callstream_console.domain.check_bucket import bucket_secret, check_bucket
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.manifest import Manifest
from callstream_console.domain.plan import Change, plan
from callstream_console.domain.secrets import phone_secret, trunk_secret

Credential = SipCredential | TrunkCredential | BucketCredential


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest did, object by object: `group/sales`, …"""

    created: list[str]
    changed: list[str]
    logins: list[str]


async def apply_manifest(
    documents: Documents,
    people: People,
    tenant: str,
    manifest: Manifest,
    actor: str,
    new_id: Callable[[], str],
    origins: frozenset[str],
) -> Applied:
    """Write what the manifest changes; raises Refusal that names the field, and then nothing was written.

    `origins`: where tenants may have us send recordings.
    """
    async with documents.writing(tenant) as connection:
        holdings = await documents.holdings(tenant, connection)
        # Keys are published before the settings that name the bucket: no recording goes to a place without them.
        changes = await _bucket(documents, connection, tenant, holdings, manifest, origins)
        changes += plan(holdings, manifest)
        changes += await _credentials(documents, connection, tenant, manifest, actor)
        await documents.write(connection, tenant, changes, actor)
        logins = await _logins(people, connection, tenant, manifest, new_id)
    return Applied(
        created=[_name(change) for change in changes if change.before is None],
        changed=[_name(change) for change in changes if change.before is not None],
        logins=logins,
    )


async def _credentials(documents: Documents, connection: Connection, tenant: str, manifest: Manifest, actor: str) -> list[Change]:
    """Secrets to be written. That of a trunk which registers no longer is deleted at once."""
    changes: list[tuple[Credential | None, Credential | None]] = []
    for i, agent in enumerate(manifest.agents):
        phone = await documents.credential(connection, tenant, SipCredential, agent.phone.user)
        changes.append((phone, phone_secret(agent.phone, agent.id, phone, f"agents[{i}]")))
    for i, place in enumerate(manifest.workplaces):
        phone = await documents.credential(connection, tenant, SipCredential, place.phone.user)
        changes.append((phone, phone_secret(place.phone, "", phone, f"workplaces[{i}]")))
    for i, trunk in enumerate(manifest.trunks):
        account = await documents.credential(connection, tenant, TrunkCredential, trunk.id)
        changes.append((account, trunk_secret(trunk, account, f"trunks[{i}]")))
        if account is not None and trunk.registration is None:
            await documents.delete(connection, tenant, account, actor)
    return [Change(before=before, after=after) for before, after in changes if after is not None and after != before]


async def _bucket(
    documents: Documents, connection: Connection, tenant: str, holdings: Holdings, manifest: Manifest, origins: frozenset[str]
) -> list[Change]:
    """Keys to the bucket for recordings. Those to former ones stay: what lies there is still to be found."""
    settings = manifest.settings or next((s for s in holdings.of(Settings) if isinstance(s, Settings)), Settings())
    place = settings.recording_bucket
    if place is not None and (manifest.settings is not None or manifest.recording_bucket_keys is not None):
        check_bucket(place, origins)
    before = None
    if place is not None:
        before = await documents.credential(connection, tenant, BucketCredential, place.place_id)
    after = bucket_secret(place, manifest.recording_bucket_keys, before)
    return [Change(before=before, after=after)] if after is not None and after != before else []


async def _logins(
    people: People, connection: Connection, tenant: str, manifest: Manifest, new_id: Callable[[], str]
) -> list[str]:
    wanted = [
        (f"agents[{i}].email", Login(email=a.email, role=Role.AGENT, password=a.password, agent_id=a.id))
        for i, a in enumerate(manifest.agents)
        if a.password is not None
    ]
    wanted += [
        (f"people[{i}].email", Login(email=p.email, role=p.role, password=p.password, groups=p.groups))
        for i, p in enumerate(manifest.people)
    ]
    changed = []
    for field, login in wanted:
        try:
            if await people.put(connection, tenant, login, new_id()):
                changed.append(login.email)
        except ValueError as error:
            raise Refusal(Reason.CONFLICT, str(error), field) from None
    return changed


def _name(change: Change) -> str:
    return f"{change.after.KIND}/{change.after.key_id}"
