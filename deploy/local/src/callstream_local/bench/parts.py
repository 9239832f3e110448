"""All parts, in the order in which they run: the quick ones first."""

from callstream_local.bench import (
    append,
    browser,
    decision,
    decision_large,
    free,
    idle,
    load,
    media,
    projection,
    ramp,
    restart,
    saturated,
    simulation,
    sip,
    start,
    takeover,
    tick,
    wss,
)
from callstream_local.bench.part import Part

PARTS = (
    Part("sip", "SIP messages read", 4, sip.measure),
    Part("decision", "a routing decision", 8, decision.measure),
    Part("large", "decisions with 10,000 waiting", 20, decision_large.measure),
    Part("append", "appending to the event log", 12, append.measure),
    Part("projection", "events into PostgreSQL", 6, projection.measure),
    Part("simulation", "calls of the what-if lab", 28, simulation.measure),
    Part("start", "starting everything", 14, start.measure),
    Part("takeover", "a standby takes over", 40, takeover.measure),
    Part("restart", "restart with 10,000 waiting", 60, restart.measure),
    Part("idle", "CPU and memory with nothing to do", 40, idle.measure),
    Part("wss", "phones registering over WSS", 22, wss.measure),
    Part("media", "audio of bridged and recorded calls", 24, media.measure),
    Part("browser", "audio of browsers", 16, browser.measure),
    Part("tick", "the mixing tick of 500 calls", 32, tick.measure),
    Part("load", "CPU of a call", 55, load.measure),
    Part("ramp", "clean call rate", 75, ramp.measure),
    Part("saturated", "calls a second of 100 busy agents", 35, saturated.measure),
    Part("free", "from a free agent to the ringing phone", 35, free.measure),
)
