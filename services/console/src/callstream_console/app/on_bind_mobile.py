"""An agent binds their mobile number (F047)."""

from msgspec.structs import replace

from callstream.contracts.config import Agent
from callstream.contracts.states import AnswerOnMobile
from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_console.adapters.documents import Documents
from callstream_console.domain.plan import Change


async def bind_mobile(
    documents: Documents, tenant: str, agent_id: str, mobile: str | None, when: AnswerOnMobile, actor: str
) -> Agent:
    """The agent's document as it is then; written, logged and published only when something changes."""
    async with documents.writing(tenant) as connection:
        before = (await documents.holdings(tenant, connection)).documents.get((Agent.KIND, agent_id))
        if not isinstance(before, Agent):
            raise Refusal(Reason.UNKNOWN_AGENT, f"no such agent: '{agent_id}'", "agent_id")
        try:
            after = replace(before, mobile=mobile, answer_on_mobile=when)
        except ValueError as error:
            raise Refusal(Reason.INVALID, str(error), "mobile") from None
        if after != before:
            await documents.write(connection, tenant, [Change(before=before, after=after)], actor)
    return after
