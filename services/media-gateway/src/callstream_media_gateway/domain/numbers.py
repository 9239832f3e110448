"""Telephone numbers: from whatever a trunk writes to E.164. Home regions: regions.py."""

import re
from functools import lru_cache
from traceback import clear_frames

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

ANONYMOUS = frozenset({"", "anonymous", "unknown", "restricted", "unavailable", "withheld"})
"""User parts that mean a withheld number (RFC 3323 §4.1, and what trunks write)."""
_LONGEST = 17
"""Digits behind the country code that the library reads; E.164 has fewer."""


@lru_cache(maxsize=256)
def readings(user: str, country: str) -> tuple[str, ...]:
    """The E.164 numbers that a user part may mean, likeliest first: as dialled in `country`, then as international digits
    that lost their plus sign. Empty when it is no number at all."""
    digits = user.partition(";")[0]
    if digits.startswith("+") and _lengths(digits) is not None:
        return (digits,)
    found = []
    ways = ((digits, country), ("+" + digits, None))
    for text, region in ways[:1] if digits.startswith(("+", "0")) else ways:  # no country's code begins with 0
        number = parsed(text, region)
        if number is None:
            continue
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if written not in found:
            found.append(written)
    return tuple(found)


def parsed(text: str, region: str | None = None) -> phonenumbers.PhoneNumber | None:
    """What the library reads; None for what is no number.

    It keeps the traceback in a variable of one of its frames. That circle held the variables of all callers too, the call's legs
    among them, until a collection of circles: it is cut here.
    """
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        clear_frames(error.__traceback__)
        return None


def is_possible(number: str) -> bool:
    """Whether a number in E.164 is as long as its country's numbers are. Raises NumberParseException for what is none."""
    lengths = _lengths(number)
    return phonenumbers.is_possible_number(phonenumbers.parse(number)) if lengths is None else lengths


def _lengths(number: str) -> bool | None:
    """Whether its length is one of its country's; None when only the library can read it.

    "+" and digits of a known country that do not begin with its trunk prefix are E.164 as they stand: what
    `phonenumbers.parse` finds out at ten times the cost, and most trunks write nothing else.
    """
    digits = number[1:]
    if not digits.isdecimal() or not digits.isascii() or digits[0] == "0":
        return None
    for size in (1, 2, 3):
        code = int(digits[:size])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            break
    else:
        return None
    national = digits[size:]
    plan = PhoneMetadata.metadata_for_region_or_calling_code(code, COUNTRY_CODE_TO_REGION_CODE[code][0])
    if plan is None or plan.general_desc is None or not 2 <= len(national) <= _LONGEST:
        return None
    prefix, known = plan.national_prefix_for_parsing, plan.general_desc
    if prefix is not None and re.match(prefix, national):
        return None
    return len(national) in known.possible_length or len(national) in known.possible_length_local_only
