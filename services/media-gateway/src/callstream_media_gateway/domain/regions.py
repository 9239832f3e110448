"""The home region of a number (F011): Chinese province and city by a table, the country of all others. Pure."""

from array import array
from bisect import bisect_right

import phonenumbers
from msgspec import Struct

from callstream_media_gateway.domain.numbers import parsed

PREFIX_DIGITS = 7


class Home(Struct, frozen=True):
    """`cities` are several where they share an area code; `province` is empty outside of China."""

    country: str
    province: str = ""
    cities: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`Guangdong/Shenzhen`, or the country's ISO code."""
        return f"{self.province}/{','.join(self.cities)}" if self.province else self.country


class RegionTable:
    """`starts`: where runs begin, by the first seven digits of the national number; `values`: each run's place in `places`,
    which are `province/city,city`; the first one is empty: unknown."""

    def __init__(self, places: list[str], starts: "array[int]", values: "array[int]") -> None:
        self._places = [self._home(place) for place in places]
        self._starts, self._values = starts, values

    def home_of(self, number: str) -> Home | None:
        """Of an E.164 number; None when it cannot be told."""
        if number.startswith("+86"):
            national = number[3:]
            return self._chinese(national) if len(national) >= PREFIX_DIGITS else None
        known = parsed(number)
        if known is None:
            return None
        country = phonenumbers.region_code_for_number(known)
        return Home(country) if country not in (None, "ZZ", "001") else None

    def _chinese(self, national: str) -> Home:
        run = bisect_right(self._starts, int(national[:PREFIX_DIGITS])) - 1
        return self._places[self._values[run]]

    @staticmethod
    def _home(place: str) -> Home:
        province, _, cities = place.partition("/")
        return Home("CN", province, tuple(cities.split(",")) if cities else ())
