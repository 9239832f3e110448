"""Makes the table of Chinese home regions from the phone number library's data: `python -m tools.regions` writes it, `--check`
compares.

The library's geographical data cost 147 MB of memory in the process that loads them; the table holds what they say about +86 in
half a megabyte. Prefixes become runs over the first seven digits of national numbers, the longest prefix first; a place that
the library spells in several ways gets the spelling that most of its prefixes have.
"""

import json
import lzma
import sys
from array import array
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "services" / "media-gateway" / "src" / "callstream_media_gateway" / "data" / "regions-86.xz"
DIGITS = 7
RENAMED = {"Simao, Yunnan": "Puer, Yunnan"}
"""Places that the library also has under an old name."""

Names = dict[str, str]
"""Language → name of a place."""


def prefixes() -> dict[str, Names]:
    """The library's prefixes of Chinese national numbers."""
    from phonenumbers.geodata import GEOCODE_DATA  # this is what costs 147 MB

    data: dict[str, Names] = GEOCODE_DATA
    return {prefix[2:]: names for prefix, names in data.items() if prefix.startswith("86") and len(prefix) > 2}


def places(data: dict[str, Names]) -> dict[str, str]:
    """`province/city` or `province/city,city` for each English name."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for names in data.values():
        if "zh" in names:
            spellings[names["zh"]][names["en"]] += 1
    chinese = {names["en"]: names["zh"] for names in data.values() if "zh" in names}
    usual = {zh: Counter(found).most_common(1)[0][0] for zh, found in spellings.items()}
    return {english: _place(english, chinese.get(english, ""), usual) for english in {names["en"] for names in data.values()}}


def _place(english: str, chinese: str, usual: dict[str, str]) -> str:
    """One city: its usual spelling. Several that share an area code: each city's usual spelling as far as it is known."""
    if "/" not in english:
        city, _, province = RENAMED.get(english, usual.get(chinese, english)).partition(", ")
        return f"{province or city}/{city}"
    cities, _, province = english.partition(", ")
    parts = chinese.split("、")
    before = next((parts[0][:n] for n in range(len(parts[0])) if parts[0][:n] + parts[-1] in usual), "")
    written = []
    for i, city in enumerate(cities.split("/")):
        full = parts[i] if i == 0 else before + parts[i] if i < len(parts) else ""
        written.append(usual.get(full, city).partition(", ")[0])
    return f"{province}/{','.join(written)}"


def table() -> bytes:
    """The file's content: a line of JSON with the places (the first is empty: unknown), then the distances between the starts
    of runs (32 bits each), then the number of each run's place (16 bits), little-endian. The file is compressed."""
    data = prefixes()
    named = places(data)
    listed = ["", *sorted(set(named.values()))]
    number = {place: i for i, place in enumerate(listed)}
    dense = array("H", [0]) * 10**DIGITS
    for prefix in sorted(data, key=lambda prefix: (len(prefix), prefix)):
        width = 10 ** (DIGITS - len(prefix))
        dense[int(prefix) * width : (int(prefix) + 1) * width] = array("H", [number[named[data[prefix]["en"]]]]) * width
    steps, values, last = array("I"), array("H"), 0
    for at, value in enumerate(dense):
        if not values or value != values[-1]:
            steps.append(at - last)
            values.append(value)
            last = at
    if sys.byteorder == "big":
        steps.byteswap()
        values.byteswap()
    head = json.dumps(listed, ensure_ascii=False).encode() + b"\n"
    return head + steps.tobytes() + values.tobytes()


def main() -> int:
    """1 when the file is not what the library's data give."""
    made = table()
    if "--check" in sys.argv:
        return int(not TABLE.exists() or lzma.decompress(TABLE.read_bytes()) != made)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_bytes(lzma.compress(made, preset=9))
    return 0


if __name__ == "__main__":
    sys.exit(main())
