"""What somebody has typed, read as a number to be dialled (F137): E.164, or a short number of the tenant's country."""

from enum import StrEnum
from functools import lru_cache

import phonenumbers
from msgspec import Struct
from phonenumbers import PhoneNumberType, ShortNumberCost

from callstream.kernel.errors import Refusal
from callstream.kernel.outcomes import Reason
from callstream_media_gateway.domain.numbers import parsed

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
    number = parsed(typed, country)
    if number is None:
        raise Refusal(Reason.INVALID, f"no telephone number: {typed[:40]!r}", "number")
    digits = phonenumbers.normalize_digits_only(typed)
    if len(digits) <= LONGEST_SHORT and typed.strip()[0] not in "+\N{FULLWIDTH PLUS SIGN}":
        return _short(digits, number, country)
    if not phonenumbers.is_possible_number(number):
        raise Refusal(Reason.INVALID, f"no number has this length: {typed[:40]!r}", "number")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    premium = phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE
    home = phonenumbers.region_code_for_number(number) or ""
    return Callee(written, "" if home == "ZZ" else home, CalleeKind.PREMIUM if premium else CalleeKind.NORMAL)


def _short(digits: str, number: phonenumbers.PhoneNumber, country: str) -> Callee:
    if phonenumbers.is_emergency_number(digits, country):
        return Callee(digits, country, CalleeKind.EMERGENCY)
    if not phonenumbers.is_possible_short_number_for_region(number, country):
        raise Refusal(Reason.INVALID, f"no number has this length: {digits!r}", "number")
    premium = phonenumbers.expected_cost_for_region(number, country) == ShortNumberCost.PREMIUM_RATE
    return Callee(digits, country, CalleeKind.PREMIUM if premium else CalleeKind.NORMAL)
