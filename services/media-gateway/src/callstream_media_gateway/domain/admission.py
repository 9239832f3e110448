"""Who may bring a call, and which number it is for, before anything is held for it (F175)."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from msgspec import Struct

from callstream.contracts.config import Number, Trunk
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.numbers import caller_number, readings


class Admitted(Struct, frozen=True):
    """The call may come in."""

    tenant: str
    trunk: str
    called: str
    caller: str


class Peers:
    """The trunks of all tenants by the networks that they come from. Built anew when a trunk changes; addresses are cached."""

    def __init__(self, trunks: Iterable[tuple[str, Trunk]]) -> None:
        self._networks: list[tuple[IPv4Network | IPv6Network, str, Trunk]] = []
        self._known: dict[str, tuple[tuple[str, Trunk], ...]] = {}
        self.unusable: list[tuple[str, str, str]] = []
        """(tenant, trunk id, peer) of entries that are no address."""
        for tenant, trunk in trunks:
            for peer in trunk.peers:
                try:
                    self._networks.append((ip_network(peer, strict=False), tenant, trunk))
                except ValueError:
                    self.unusable.append((tenant, trunk.id, peer))

    def of(self, address: str) -> tuple[tuple[str, Trunk], ...]:
        """(tenant, trunk) of each trunk that may come from `address`."""
        known = self._known.get(address)
        if known is None:
            known = self._find(address)
            if known:  # strangers' addresses are not remembered: they could be without number
                self._known[address] = known
        return known

    def _find(self, address: str) -> tuple[tuple[str, Trunk], ...]:
        try:
            source = ip_address(address)
        except ValueError:
            return ()
        found = {(tenant, trunk.id): trunk for network, tenant, trunk in self._networks if source in network}
        return tuple((tenant, trunk) for (tenant, _), trunk in found.items())


def admit(
    trunks: tuple[tuple[str, Trunk], ...],
    called_user: str,
    caller_user: str,
    number_of: Callable[[str, str], Number | None],
    calls_of: Callable[[str, str], int],
) -> Admitted | Reason:
    """Let a call in by the first of its peer's trunks that reaches the number, or say why not.

    `number_of` (tenant, E.164) and `calls_of` (tenant, trunk id) look into the configuration and the running calls.
    """
    if not trunks:
        return Reason.UNKNOWN_PEER
    reason = Reason.UNKNOWN_NUMBER
    for tenant, trunk in trunks:
        for called in readings(called_user, trunk.country):
            number = number_of(tenant, called)
            if number is None or (number.trunks and trunk.id not in number.trunks):
                continue
            if calls_of(tenant, trunk.id) >= trunk.max_calls:
                reason = Reason.UNAVAILABLE
                continue
            return Admitted(tenant, trunk.id, called, caller_number(caller_user, trunk.country))
    return reason
