"""Reading /metrics of the running copy's gateway."""

from collections import Counter

import httpx

from callstream_local.stack import Stack

PREFIX = "callstream_gateway_"


async def gateway_figures(stack: Stack) -> Counter[str]:
    """The gateway's own metrics by name without prefix, summed over their labels; 0 for what was never counted."""
    async with httpx.AsyncClient(timeout=5) as client:
        text = (await client.get(f"{stack.http('media-gateway')}/metrics")).text
    figures: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith(PREFIX):
            name, _, value = line.rpartition(" ")
            figures[name.partition("{")[0].removeprefix(PREFIX)] += float(value)  # type: ignore[assignment]
    return figures
