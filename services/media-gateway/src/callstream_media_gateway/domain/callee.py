"""What somebody has typed, read as a number to be dialled (F137): E.164, or a short number of the tenant's country."""

from enum import StrEnum
from functools import lru_cache

import phonenumbers
from msgspec import Struct
from phonenumbers import PhoneNumberType, ShortNumberCost

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason

LONGEST_SHORT = 6


class CalleeKind(StrEnum):
    """What the toll-fraud guard tells apart."""

    NORMAL = "normal"
    PREMIUM = "premium"
    EMERGENCY = "emergency"


class Callee(Struct, frozen=True):
    """`country`: ISO code, `001` for numbers of no country (satellites, international networks), empty when it cannot be told."""

    number: str
    country: str
    kind: CalleeKind = CalleeKind.NORMAL


@lru_cache(maxsize=2048)
def callee(typed: str, country: str) -> Callee:
    """Read a number typed in `country`. Raises Refusal(invalid, field `number`)."""
    try:
        parsed = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        raise Refusal(Reason.INVALID, f"no telephone number: {typed[:40]!r}", "number") from None
    digits = phonenumbers.normalize_digits_only(typed)
    if len(digits) <= LONGEST_SHORT and typed.strip()[0] not in "+\N{FULLWIDTH PLUS SIGN}":
        return _short(digits, parsed, country)
    if not phonenumbers.is_possible_number(parsed):
        raise Refusal(Reason.INVALID, f"no number has this length: {typed[:40]!r}", "number")
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    premium = phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE
    home = phonenumbers.region_code_for_number(parsed) or ""
    return Callee(number, "" if home == "ZZ" else home, CalleeKind.PREMIUM if premium else CalleeKind.NORMAL)


def _short(digits: str, parsed: phonenumbers.PhoneNumber, country: str) -> Callee:
    if phonenumbers.is_emergency_number(digits, country):
        return Callee(digits, country, CalleeKind.EMERGENCY)
    if not phonenumbers.is_possible_short_number_for_region(parsed, country):
        raise Refusal(Reason.INVALID, f"no number has this length: {digits!r}", "number")
    premium = phonenumbers.expected_cost_for_region(parsed, country) == ShortNumberCost.PREMIUM_RATE
    return Callee(digits, country, CalleeKind.PREMIUM if premium else CalleeKind.NORMAL)
