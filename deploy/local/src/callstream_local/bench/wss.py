"""Phones that register over WSS, each by a connection of its own: TCP, TLS, WebSocket, REGISTER, 401, REGISTER, 200, leave.

Full TLS handshakes (browsers that come back shorten theirs) and digest, from another process; what the gateway
has to do when a phone leaves is in the figure too.
"""

import asyncio
from typing import Any

from callstream_local.bench import wss_load
from callstream_local.bench.cannot import CannotMeasure
from callstream_local.bench.figures import p50_p99, rounded
from callstream_local.bench.house import manifest, phones
from callstream_local.bench.part import Say, apart
from callstream_local.bench.processes import cpu_seconds
from callstream_local.bench.scratch import data_folder
from callstream_local.bench.waiting import KNOWN_WITHIN_S
from callstream_local.commands.apply import apply_manifest
from callstream_local.inside.api import Api
from callstream_local.stack import Stack

PHONES = 50
AT_ONCE = 40
SECONDS = 8.0
GATEWAY = "media-gateway"


async def measure(say: Say) -> dict[str, Any]:
    """See the module's docstring."""
    with data_folder() as folder:
        say("starting")
        async with Stack(folder) as stack:
            people = phones(PHONES)
            with Api(stack.folder) as api:
                await asyncio.to_thread(apply_manifest, api, manifest(people), stack.folder.root)
            order = wss_load.Order(
                host=stack.options.listen,
                port=stack.place.sip_doors["wss"],
                certificate=str(stack.files / "gateway" / "tls" / "self-signed.pem"),
                phones=people,
            )
            known = await apart(wss_load.wait_for_first, order, KNOWN_WITHIN_S)
            if known:
                raise CannotMeasure(known)
            say(f"{AT_ONCE} at a time, {SECONDS:.0f} s")
            pid = stack.pids()[GATEWAY]
            before = cpu_seconds({GATEWAY: pid})[GATEWAY]
            outcome = await apart(wss_load.register_for, order, AT_ONCE, SECONDS)
            used = cpu_seconds({GATEWAY: pid})[GATEWAY] - before
    if outcome.problems or not outcome.took_ms:
        raise CannotMeasure(f"registrations failed: {outcome.problems or 'none was made'}")
    count = len(outcome.took_ms)
    return {
        "wss_registrations_per_s": rounded(count / outcome.seconds),
        "wss_registration_ms": p50_p99(outcome.took_ms),
        "wss_gateway_cpu_ms_per_registration": rounded(used / count * 1000),
        "wss_load_cpu_ms_per_registration": rounded(outcome.cpu_s / count * 1000),
    }
