"""Delete a configuration document that nothing refers to (F155, F169)."""

from callstream.contracts.config import Agent, SkillGroup, Workplace
from callstream.contracts.credentials import SipCredential, TrunkCredential
from callstream.contracts.lines import Trunk
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.documents import Documents
from callstream_console.domain.deletion import check_deletion, unlinked
from callstream_console.domain.plan import Change


async def delete_document(documents: Documents, tenant: str, kind: str, key_id: str, actor: str) -> None:
    """Raises Refusal: `unknown` objects as invalid, referred ones as conflict."""
    async with documents.writing(tenant) as connection:
        holdings = await documents.holdings(tenant, connection)
        document = holdings.documents.get((kind, key_id))
        if document is None:
            raise Refusal(Reason.INVALID, f"no such {kind}: '{key_id}'", "id")
        check_deletion(holdings, kind, key_id)
        if isinstance(document, SkillGroup):
            members = unlinked(holdings, document.id)
            changes = [Change(before=holdings.documents["agent", agent.id], after=agent) for agent in members]
            await documents.write(connection, tenant, changes, actor)
        if isinstance(document, Agent | Workplace):
            secret = await documents.credential(connection, tenant, SipCredential, document.sip_user)
            if secret is not None:
                await documents.delete(connection, tenant, secret, actor)
        if isinstance(document, Trunk):
            account = await documents.credential(connection, tenant, TrunkCredential, document.id)
            if account is not None:
                await documents.delete(connection, tenant, account, actor)
        await documents.delete(connection, tenant, document, actor)
