"""Tenants spread over the copies of a service: one lease a share, as many shares as copies.

Every copy follows the whole log, so each is a hot standby for all. It acts for the tenants of the shares whose leases it holds:
its own, and those of copies that are gone (docs/adr/0012). All copies must be started with the same count; with different ones
two copies may act for one tenant, which the expected versions of their appends make harmless, but slow.
"""

from collections.abc import Sequence
from zlib import crc32

from callstream.runtime.lease import Lease


def share_name(service: str, share: int, count: int) -> str:
    """The name of a share's lease; that of a service with one copy is the service's own."""
    return service if count == 1 else f"{service}-{share}"


class Shares:
    """`held(tenant)` says at any moment whether this copy may act for a tenant."""

    def __init__(self, leases: Sequence[Lease]) -> None:
        self._leases = leases
        self._of: dict[str, Lease] = {}
        """The lease of each tenant that was asked about: it is asked about at every event."""

    def of(self, tenant: str) -> int:
        """The share that a tenant belongs to, the same everywhere and for ever."""
        return crc32(tenant.encode()) % len(self._leases)

    def held(self, tenant: str) -> bool:
        """Whether this copy acts for the tenant now."""
        lease = self._of.get(tenant)
        if lease is None:
            lease = self._of[tenant] = self._leases[self.of(tenant)]
        return lease.held()

    def any_held(self) -> bool:
        """Whether it acts for anybody."""
        return any(map(Lease.held, self._leases))

    def now(self) -> tuple[bool, ...]:
        """Which shares it holds: compare two answers to learn whether something has changed hands."""
        return tuple(lease.held() for lease in self._leases)
