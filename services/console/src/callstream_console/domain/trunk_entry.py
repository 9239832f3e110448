"""A trunk in the manifest: the document, and the password of our account there, which is no part of it (F175)."""

from ipaddress import ip_network
from typing import Annotated

import msgspec

from callstream.contracts.lines import Trunk
from callstream.contracts.outbound import TrunkRegistration


class RegistrationEntry(TrunkRegistration, frozen=True, kw_only=True):
    """An account at the trunk's registrar."""

    password: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """Kept as digest secrets of the realm only. Empty keeps the one that is set."""


class TrunkEntry(Trunk, frozen=True, kw_only=True):
    """A trunk; ValueError when it does not fit together."""

    registration: RegistrationEntry | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for peer in self.peers:
            try:
                ip_network(peer, strict=False)
            except ValueError:
                raise ValueError(f"peers: neither an IP address nor a network: {peer!r}") from None

    def document(self) -> Trunk:
        """What other services may know."""
        account = self.registration
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "registration"}
        if account is None:
            return Trunk(**fields)
        return Trunk(
            **fields, registration=TrunkRegistration(user=account.user, realm=account.realm, expires_s=account.expires_s)
        )
