"""What was stored once stays readable for ever: golden files of every event and command, by type and version."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from callstream.contracts.catalogue import EVENT_TYPES, UPCASTERS
from callstream.contracts.envelope import decode_body, encode_body

from .make_golden import GOLDEN, files
from .samples import sample

FILES = files()


def keeps(old: Any, new: Any) -> bool:
    """Whether `new` still says all that `old` says; it may say more (fields that were added inside)."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and keeps(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(keeps, old, new))
    return bool(old == new)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_type_has_a_golden_file(path: Path) -> None:
    assert path.exists(), "run `python -m tests.contracts.make_golden` and commit what it writes"


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.json")), ids=lambda path: path.stem)
def test_a_golden_file_reads_as_it_was_written(path: Path) -> None:
    """Fails when a field is removed, renamed or changes its type, and when a field is added without a default."""
    golden = path.read_bytes()
    if path.parent.name == "events":
        assert path.stem in EVENT_TYPES or path.stem in UPCASTERS, "this type was written once: it must stay readable"
        fact = decode_body(path.stem, golden)
        if path.stem in UPCASTERS:
            return
        again = encode_body(fact)
    else:
        assert path in FILES, "this command was sent once: it must stay readable"
        again = msgspec.json.encode(msgspec.json.decode(golden, type=FILES[path]))
    assert keeps(msgspec.json.decode(golden), msgspec.json.decode(again))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_newer_service_adds_is_ignored(path: Path) -> None:
    newer = {**msgspec.json.decode(path.read_bytes()), "field_of_the_future": {"x": [1]}}
    decoded = msgspec.json.decode(msgspec.json.encode(newer), type=FILES[path])
    assert decoded == msgspec.json.decode(path.read_bytes(), type=FILES[path])


def test_the_check_itself_can_fail() -> None:
    assert keeps({"a": [{"b": 1}]}, {"a": [{"b": 1, "new": 2}], "c": 3})
    worse_ones: list[Any] = [{}, {"a": []}, {"a": [{"b": 2}]}, {"a": [{}]}, {"a": 1}]
    for worse in worse_ones:
        assert not keeps({"a": [{"b": 1}]}, worse)


@pytest.mark.parametrize("kind", FILES.values(), ids=lambda kind: kind.__name__)
def test_a_sample_leaves_nothing_out(kind: type[Any]) -> None:
    """Otherwise a golden file would not hold a field that could later be removed unseen."""
    written = msgspec.json.decode(msgspec.json.encode(sample(kind)))
    assert set(written) == {field.encode_name for field in msgspec.structs.fields(kind)}
