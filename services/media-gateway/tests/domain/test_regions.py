"""Home regions of numbers (F011): the shipped table against what is publicly known, and against the library's own data."""

import subprocess
import sys

import pytest

from callstream_media_gateway.adapters.region_table import load
from callstream_media_gateway.domain.regions import Home

TABLE = load()


@pytest.mark.parametrize(
    ("number", "home"),
    [
        ("+861065529988", "Beijing/Beijing"),
        ("+862166668888", "Shanghai/Shanghai"),
        ("+8675533334444", "Guangdong/Shenzhen"),
        ("+8657112345678", "Zhejiang/Hangzhou"),
        ("+862987654321", "Shaanxi/XiAn,Xianyang"),
        ("+8613910757777", "Beijing/Beijing"),
        ("+8613800138000", "Beijing/Beijing"),
        ("+8613168520000", "Guangdong/Jiangmen"),
        ("+864001234567", "CN"),
        ("+12125550100", "US"),
        ("+442079460000", "GB"),
        ("+85221234567", "HK"),
    ],
)
def test_a_number_is_at_home_where_its_digits_say(number: str, home: str) -> None:
    assert str(TABLE.home_of(number)) == home


@pytest.mark.parametrize("number", ["", "anonymous", "+8695588", "+86", "+999123456", "1001", "+80012345678"])
def test_what_has_no_home_is_unknown(number: str) -> None:
    assert TABLE.home_of(number) is None


def test_cities_that_share_an_area_code_are_all_named() -> None:
    assert TABLE.home_of("+862845678901") == Home("CN", "Sichuan", ("Chengdu", "Ziyang", "Meishan"))


def test_a_place_has_one_name_whether_a_fixed_line_or_a_mobile_is_there() -> None:
    """The library writes Urumqi's neighbour Kuitun, Hohhot and others in two ways; one would not be `the same city`."""
    assert str(TABLE.home_of("+864711234567")) == "Inner Mongolia/Hohhot"
    assert str(TABLE.home_of("+8613614710000")) == "Inner Mongolia/Hohhot"


def test_the_shipped_table_is_what_the_library_says() -> None:
    """In a process of its own, because the library's data stay in memory."""
    made = subprocess.run([sys.executable, "-m", "tools.regions", "--check"], check=False, timeout=120)
    assert made.returncode == 0, "run `python -m tools.regions`"
