"""Chinese names found by how they sound: `zhangsan`, `zs`, `zhangs`, also from the given name on (F023). Pure.

Every reading of a character counts, for surnames often have a rare one (单 is shan, and dan).
"""

import unicodedata
from functools import cache, lru_cache

REMEMBERED = 20_000


def sounds_like(query: str, name: str) -> bool:
    """Whether `query` (small letters, no spaces) is said by the name: each syllable in full or by its first letter, the last
    one begun at least."""
    syllables = _readings(name)
    return bool(query) and any(_said(query, syllables[start:]) for start in range(len(syllables)))


def _said(query: str, syllables: tuple[frozenset[str], ...]) -> bool:
    places = {0}
    for readings in syllables:
        reached = set()
        for place in places:
            rest = query[place:]
            for reading in readings:
                if reading.startswith(rest):
                    return True
                if rest.startswith(reading):
                    reached.add(place + len(reading))
                if rest[0] == reading[0]:
                    reached.add(place + 1)
        places = reached
    return False


@lru_cache(maxsize=REMEMBERED)
def _readings(name: str) -> tuple[frozenset[str], ...]:
    """Of each Chinese character; others have none."""
    known = _dictionary()
    return tuple(
        frozenset(_plain(reading) for reading in known[ord(character)].split(","))
        for character in name
        if ord(character) in known
    )


def _plain(reading: str) -> str:
    """Without tones, ü as v, as it is typed."""
    letters = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())


@cache
def _dictionary() -> dict[int, str]:
    """Code point → readings with tones. Loaded at the first search; config.py keeps the library's phrases out."""
    from pypinyin.constants import PINYIN_DICT

    return dict(PINYIN_DICT)
