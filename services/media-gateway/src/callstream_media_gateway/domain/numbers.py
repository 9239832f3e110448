"""Telephone numbers: from whatever a trunk writes to E.164. Home regions: regions.py."""

from functools import lru_cache

import phonenumbers

ANONYMOUS = frozenset({"", "anonymous", "unknown", "restricted", "unavailable", "withheld"})
"""User parts that mean a withheld number (RFC 3323 §4.1, and what trunks write)."""


@lru_cache(maxsize=2048)
def readings(user: str, country: str) -> tuple[str, ...]:
    """The E.164 numbers that a user part may mean, likeliest first: as dialled in `country`, then as international digits
    that lost their plus sign. Empty when it is no number at all."""
    digits = user.partition(";")[0]
    found = []
    ways = ((digits, country), ("+" + digits, None))
    for text, region in ways[:1] if digits.startswith("+") else ways:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if written not in found:
            found.append(written)
    return tuple(found)
