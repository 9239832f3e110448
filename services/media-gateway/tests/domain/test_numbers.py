"""A number that stands in E.164 already is read without the library, and just as the library reads it."""

import gc

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callstream.kernel.errors import Refusal
from callstream_media_gateway.domain.callee import callee
from callstream_media_gateway.domain.numbers import is_possible, parsed, readings

CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
DIGITS = st.text("0123456789", max_size=20)
COUNTRIES = st.sampled_from(["AR", "BR", "CN", "DE", "IT", "MX", "RU", "US"])


def by_the_library(text: str, country: str) -> tuple[str, ...]:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return ()
    return (phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),)


@given(CODES, DIGITS, COUNTRIES)
@example(86, "13800138000", "CN")
@example(86, "02166668888", "DE")  # the trunk prefix inside an international number
@example(86, "1790013800138000", "CN")  # a carrier's prefix
@example(39, "0236618300", "DE")  # in Italy the zero stays
@example(7, "88005553535", "US")
@example(800, "12345678", "DE")  # a code without a country
@example(49, "3", "DE")
@example(49, "3" * 18, "DE")
def test_a_number_with_its_plus_sign_is_read_as_the_library_reads_it(code: int, national: str, country: str) -> None:
    text = f"+{code}{national}"
    assert readings(text, country) == by_the_library(text, country)
    for reading in readings(text, country):
        assert is_possible(reading) == phonenumbers.is_possible_number(phonenumbers.parse(reading))


@pytest.mark.parametrize("text", ["+", "+0", "+049301234567", "+999301234567", "+49", "+4", "+٤٩٣٠١٢٣٤٥٦٧", "+49a301234567"])
def test_what_is_no_such_number_is_left_to_the_library(text: str) -> None:
    assert readings(text, "DE") == by_the_library(text, "DE")


@pytest.mark.parametrize("text", ["+999123456", "+02166668888", "+1", "+", "hello", ""])
def test_what_is_no_number_leaves_no_circle(text: str) -> None:
    gc.collect()
    gc.disable()
    try:
        assert parsed(text) is None
        with pytest.raises(Refusal):
            callee(text, "CN")
        assert gc.collect() == 0
    finally:
        gc.enable()
