"""Every target stands the corpus, and a few hundred damaged copies of it; `make fuzz` hunts for as long as it is told to."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
PIECES = (
    b"\r\n",
    b"\r\n ",
    b"\n",
    b"\0",
    b"\xff",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"=",
    b"%00",
    b"4294967296",
    b"-1",
    b"",
)


def test_every_target_has_examples_and_every_example_a_target() -> None:
    assert {path.parent.name for path in FILES} == set(TARGETS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_example_breaks_nothing(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_damaged_examples_break_nothing(name: str, seed: int) -> None:
    dice = random.Random(seed)
    data = dice.choice([path for path in FILES if path.parent.name == name]).read_bytes()
    for _ in range(dice.randint(1, 6)):
        at, length = dice.randrange(len(data) + 1), dice.randrange(8)
        data = data[:at] + dice.choice((*PIECES, dice.randbytes(3), data[at : at + 20] * 2)) + data[at + length :]
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.binary(max_size=400))
def test_rubbish_breaks_nothing(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\r\n", b" " * 5000, b"\xff" * 65_536, b"a" * 65_535 + b"\r\n\r\n"])
def test_nothing_and_too_much_break_nothing(name: str, data: bytes) -> None:
    TARGETS[name](data)
