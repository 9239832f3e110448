"""Print what our distributions and the developer tools need from the registry, for the lock.

Our own distributions are left out: they are installed from this tree, and a registry must never be asked for their names.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    places = ("shared", "services/*", "deploy/local")
    files = [file for place in places for file in sorted(ROOT.glob(f"{place}/pyproject.toml"))]
    projects = [tomllib.loads(file.read_text())["project"] for file in files]
    ours = {project["name"] for project in projects}
    needed = {need for project in projects for need in project["dependencies"] if _name(need) not in ours}
    print("\n".join(sorted(needed)))  # noqa: T201  printing is what this program is for
    print((ROOT / "requirements-dev.in").read_text())  # noqa: T201


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found.group().lower() if found else ""


main()
