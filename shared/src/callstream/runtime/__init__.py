"""What turns a pure domain into a running service: event store, follower, lease, configuration, commands, lifecycle, telemetry.

The guiding idea: **state changes only by what the stream says.** A service's state is a fold over the log in stream order.
A decision appends events and marks their aggregate as in flight; the state changes when the event comes back through the
subscription. So the live fold and the replay fold are one code path, the log's total order decides every race, and a crash
at any instant is the same as a slow moment.
"""

import sys

# structlog imports rich where it is installed, for coloured tracebacks that no service prints: 3 MB and 45 ms a process.
if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
