"""Who may bring a call, and which number it is for, before anything is held for it (F175)."""

import contextlib
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from msgspec import Struct

from callstream.contracts.lines import Number, Trunk
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.number_format import caller, read


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
            if trunk.registration is not None and trunk.outgoing is not None:
                with contextlib.suppress(ValueError):  # a name: `peers` tells the addresses that it stands for
                    self._networks.append((ip_network(trunk.outgoing.host.strip("[]")), tenant, trunk))

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
    to_user: str,
    caller_user: str,
    number_of: Callable[[str, str], Number | None],
    is_full: Callable[[str, Trunk], bool],
) -> Admitted | Reason:
    """Let a call in by the first of its peer's trunks that reaches the number, or say why not.

    called_user, to_user, caller_user: of the Request-URI, To and From. The number stands in To when the Request-URI names the
    account that we have registered there. `number_of` (tenant, E.164) and `is_full` (tenant, trunk) look into the
    configuration and the running calls.
    """
    if not trunks:
        return Reason.UNKNOWN_PEER
    reason = Reason.UNKNOWN_NUMBER
    for tenant, trunk in trunks:
        is_account = trunk.registration is not None and called_user == trunk.registration.user
        for called in read(to_user if is_account else called_user, trunk.called, trunk.country):
            number = number_of(tenant, called)
            if number is None or (number.trunks and trunk.id not in number.trunks):
                continue
            if is_full(tenant, trunk):
                reason = Reason.UNAVAILABLE
                continue
            return Admitted(tenant, trunk.id, called, caller(caller_user, trunk.caller, trunk.country))
    return reason
