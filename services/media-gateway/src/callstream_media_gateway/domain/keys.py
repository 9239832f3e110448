"""One key press, one digit: phones that send a key both by RFC 4733 and by INFO are heard once."""

from datetime import datetime, timedelta

PAIRING = timedelta(seconds=2)
"""How far the two reports of one key may lie apart: INFO may come at its beginning, RFC 4733 at its end."""


class KeyFilter:
    """Pairs each key with its twin by the other method. `11` sent both ways stays two keys, in any interleaving."""

    def __init__(self) -> None:
        self._unpaired: list[tuple[str, str, datetime]] = []

    def is_new(self, digit: str, method: str, now: datetime) -> bool:
        """False when the same key has been heard by the other method."""
        self._unpaired = [entry for entry in self._unpaired if now - entry[2] <= PAIRING]
        for index, (heard, by, _) in enumerate(self._unpaired):
            if heard == digit and by != method:
                del self._unpaired[index]
                return False
        self._unpaired.append((digit, method, now))
        return True
