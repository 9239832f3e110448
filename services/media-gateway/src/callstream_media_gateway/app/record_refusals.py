"""Every dial that was refused stands in the log: who wanted which number, and why not."""

from secrets import randbits

from callstream.contracts.call_events import DialRefused
from callstream.kernel.clock import Clock
from callstream.kernel.errors import Refusal
from callstream.kernel.ids import ulid
from callstream_media_gateway.app.switchboard import Switchboard


class RecordRefusals:
    """Give it to DialOut."""

    def __init__(self, switchboard: Switchboard, clock: Clock, instance: str) -> None:
        self._switchboard, self._clock, self._instance = switchboard, clock, instance

    def __call__(self, tenant: str, agent_id: str, typed: str, wish: str, why: Refusal) -> None:
        refused = DialRefused(
            agent_id=agent_id,
            number=typed[:64],
            reason=why.reason,
            field=why.field,
            message=why.message,
            gateway=self._instance,
            caller_id=wish,
        )
        self._switchboard.record_alone(ulid(self._clock.now(), randbits(80)), tenant, refused)
