"""Apply a manifest: all of it or nothing."""

import hashlib
from collections.abc import Callable

import msgspec

from callstream.contracts.config import SipCredential
from callstream.contracts.roles import Role
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.documents import Connection, Documents
from callstream_console.adapters.people import Login, People
from callstream_console.domain.manifest import Manifest
from callstream_console.domain.plan import Change, plan

SIP_REALM = "callstream"


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest did, object by object: `group/sales`, …"""

    created: list[str]
    changed: list[str]
    logins: list[str]


async def apply_manifest(
    documents: Documents, people: People, tenant: str, manifest: Manifest, actor: str, new_id: Callable[[], str]
) -> Applied:
    """Write what the manifest changes; raises Refusal that names the field, and then nothing was written."""
    async with documents.writing(tenant) as connection:
        changes = plan(await documents.holdings(tenant, connection), manifest)
        changes += await _credentials(documents, connection, tenant, manifest)
        await documents.write(connection, tenant, changes, actor)
        logins = await _logins(people, connection, tenant, manifest, new_id)
    return Applied(
        created=[_name(change) for change in changes if change.before is None],
        changed=[_name(change) for change in changes if change.before is not None],
        logins=logins,
    )


async def _credentials(documents: Documents, connection: Connection, tenant: str, manifest: Manifest) -> list[Change]:
    changes = []
    for i, agent in enumerate(manifest.agents):
        before = await documents.credential(connection, tenant, agent.phone.user)
        if not agent.phone.password:
            if before is None:
                raise Refusal(Reason.INVALID, "a new phone needs a password", f"agents[{i}].phone.password")
            continue
        secret = f"{agent.phone.user}:{SIP_REALM}:{agent.phone.password}".encode()
        after = SipCredential(
            sip_user=agent.phone.user,
            agent_id=agent.id,
            realm=SIP_REALM,
            ha1_md5=hashlib.md5(secret, usedforsecurity=False).hexdigest(),
            ha1_sha256=hashlib.sha256(secret).hexdigest(),
        )
        if before != after:
            changes.append(Change(before=before, after=after))
    return changes


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
