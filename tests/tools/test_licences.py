"""The list of licences is current, and a licence nobody has looked at is not passed over."""

import pytest
from tools import licences


def test_the_list_is_what_the_lock_and_the_packages_say() -> None:
    assert licences.PAGE.read_text() == licences.page(), "run python -m tools.licences"


def test_names_are_read_from_the_lock() -> None:
    lock = "# c\nb==1 \\\n    --hash=x\nuvicorn[standard]==2\nA-c==3 ; python_version < '4'\n"
    assert licences.packages(lock) == ["a-c", "b", "uvicorn"]


def test_an_unknown_licence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(licences.KNOWN, "evil", "Proprietary")
    with pytest.raises(licences.UnknownLicence, match="evil"):
        licences.licence("evil")
