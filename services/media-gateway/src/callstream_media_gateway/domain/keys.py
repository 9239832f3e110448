"""One key press, one digit: phones that send a key both by RFC 4733 and by INFO are heard once."""

from datetime import datetime, timedelta

from msgspec import Struct, field

PAIRING = timedelta(seconds=2)
"""How far the two reports of one key may lie apart: INFO may come at its beginning, RFC 4733 at its end."""


class KeyFilter(Struct, omit_defaults=True):
    """Pairs each key with its twin by the other method. `11` sent both ways stays two keys, in any interleaving."""

    unpaired: list[tuple[str, str, datetime]] = field(default_factory=list)
    """(key, method, when)"""

    def is_new(self, digit: str, method: str, now: datetime) -> bool:
        """False when the same key has been heard by the other method."""
        self.unpaired = [entry for entry in self.unpaired if now - entry[2] <= PAIRING]
        for index, (heard, by, _) in enumerate(self.unpaired):
            if heard == digit and by != method:
                del self.unpaired[index]
                return False
        self.unpaired.append((digit, method, now))
        return True
