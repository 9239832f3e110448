"""Which desk phone stands beside a computer (F062)."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from callstream.contracts.config import Workplace
from callstream_console.domain.holdings import Holdings


def extension_at(holdings: Holdings, address: str) -> str:
    """The SIP user of the phone at the workplace that this IP address belongs to, the narrowest network first; empty: none."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    networks: list[tuple[IPv4Network | IPv6Network, str]] = [
        (ip_network(network), place.sip_user)
        for place in holdings.of(Workplace)
        if isinstance(place, Workplace)
        for network in place.networks
    ]
    at = [(network.prefixlen, sip_user) for network, sip_user in networks if found in network]
    return max(at)[1] if at else ""
