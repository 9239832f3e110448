"""An administrator changes the list of break reasons (F046), without touching what else the settings hold."""

from collections.abc import Callable

from msgspec.structs import replace

from callstream.contracts.config import Settings
from callstream_console.adapters.documents import Documents
from callstream_console.domain.break_reasons import Reasons
from callstream_console.domain.holdings import Holdings
from callstream_console.domain.plan import Change


def settings_of(holdings: Holdings) -> Settings | None:
    """The tenant's, or None: the defaults hold."""
    return next((each for each in holdings.of(Settings) if isinstance(each, Settings)), None)


async def change_reasons(documents: Documents, tenant: str, actor: str, edit: Callable[[Reasons], Reasons]) -> Reasons:
    """The list as it is then. Raises what `edit` refuses; nobody else changes the settings meanwhile."""
    async with documents.writing(tenant) as connection:
        before = settings_of(await documents.holdings(tenant, connection))
        held = before or Settings()
        after = replace(held, break_reasons=edit(held.break_reasons))
        if after != before:
            await documents.write(connection, tenant, [Change(before=before, after=after)], actor)
    return after.break_reasons
