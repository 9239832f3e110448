"""Tells how a tenant's trunks are."""

from callstream.contracts.trunk_commands import ListTrunks, TrunkView
from callstream.runtime.config_watch import Configuration
from callstream_media_gateway.app.switchboard import Switchboard
from callstream_media_gateway.app.trunks import Trunks


class ListTheTrunks:
    """`trunks`."""

    def __init__(self, configuration: Configuration, trunks: Trunks, switchboard: Switchboard, instance: str) -> None:
        self._configuration, self._trunks = configuration, trunks
        self._switchboard, self._instance = switchboard, instance

    async def __call__(self, command: ListTrunks, _: str) -> list[TrunkView]:
        """All that are configured."""
        views = []
        for trunk in self._configuration.trunks_of(command.tenant):
            state = self._trunks.state(command.tenant, trunk.id)
            why_not = self._trunks.why_not(command.tenant, trunk)
            views.append(
                TrunkView(
                    trunk=trunk.id,
                    gateway=self._instance,
                    incoming=self._switchboard.per_trunk[command.tenant, trunk.id],
                    takes_calls=trunk.outgoing is not None and why_not is None,
                    why_not=why_not or "",
                    outgoing=state.calls,
                    registered=state.registered,
                    message=state.message,
                )
            )
        return views
