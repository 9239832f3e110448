"""How a trunk wants numbers written, and what it means by those it sends."""

from functools import lru_cache

import phonenumbers

from callstream.contracts.outbound import NumberFormat, NumberReading, NumberStyle
from callstream_media_gateway.domain.numbers import ANONYMOUS, is_possible, readings


@lru_cache(maxsize=2048)
def written(number: str, how: NumberFormat, country: str) -> str:
    """The user part for `number`: E.164, or a short number of the country, which has no other form."""
    return how.prefix + (_styled(number, how.style, country) if number.startswith("+") else number)


def _styled(number: str, style: NumberStyle, country: str) -> str:
    match style:
        case NumberStyle.E164:
            return number
        case NumberStyle.DIGITS:
            return number[1:]
        case NumberStyle.NATIONAL:
            parsed = phonenumbers.parse(number)
            dialled = phonenumbers.format_out_of_country_calling_number(parsed, country)
            return phonenumbers.normalize_diallable_chars_only(dialled)


def read(user: str, how: NumberReading, country: str) -> tuple[str, ...]:
    """The E.164 numbers that a user part may mean, likeliest first; see `numbers.readings`."""
    digits = user.partition(";")[0].removeprefix(how.prefix)
    match how.style:
        case NumberStyle.E164 | NumberStyle.DIGITS:
            return readings("+" + digits.lstrip("+"), country)[:1]
        case NumberStyle.NATIONAL:
            return readings(digits, country)[:1]
        case None:
            return readings(digits, country)


def caller(user: str, how: NumberReading, country: str) -> str:
    """The caller in E.164; as the trunk gave it when no reading is possible; empty when withheld."""
    if user.lower() in ANONYMOUS:
        return ""
    for reading in read(user, how, country):
        if is_possible(reading):
            return reading
    return user
