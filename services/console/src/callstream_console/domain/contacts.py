"""People outside, found by name, pinyin, company or number (F023, F140). Pure."""

from collections.abc import Iterable

import msgspec

from callstream_console.domain.directory import rank_of_name, typed

MOST_PUBLIC, MOST_OWN = 2000, 500
"""A search looks at each: 2,500 names take some milliseconds."""
SHORTEST_PART = 3
"""Digits that find the numbers that they are part of."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody outside."""

    id: str
    name: str
    number: str
    """E.164."""
    company: str
    own: bool
    """Seen by the one person whose it is; else by everybody of the tenant."""


def find(query: str, contacts: Iterable[Contact], limit: int) -> list[Contact]:
    """Those that are meant, the best first; all when `query` is empty."""
    wanted = typed(query)
    ranked = [(rank, contact.name, contact.id, contact) for contact in contacts if (rank := _rank(wanted, contact)) is not None]
    return [contact for *_, contact in sorted(ranked, key=lambda each: each[:3])[:limit]]


def _rank(wanted: str, contact: Contact) -> int | None:
    ranks = [rank for name in (contact.name, contact.company) if name and (rank := rank_of_name(wanted, name)) is not None]
    digits = wanted.translate({ord(sign): None for sign in "+-()"}).lstrip("0")
    if digits.isdecimal() and len(digits) >= SHORTEST_PART and digits in contact.number:
        ranks.append(0 if contact.number.endswith(digits) else 2)
    return min(ranks, default=None)
