"""`callstream apply`: bring the call centre to what a file says."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from callstream_local.config import data_folder
from callstream_local.folder import DataFolder
from callstream_local.inside.api import Api, ApiError, NotRunning
from callstream_local.parameters import DataOption, told


class ManifestError(Exception):
    """The file cannot be read."""


def register(app: typer.Typer) -> None:
    app.command("apply")(apply)


def apply(
    file: Annotated[Path, typer.Argument(help="YAML: settings, groups, agents, audio, flows, numbers, trunks.")],
    data: DataOption = None,
) -> None:
    """Apply a configuration file; running it again changes nothing. See docs/configuration.md."""
    with told(ManifestError, ApiError, NotRunning):
        manifest = read_manifest(file)
        with Api(DataFolder(data_folder(data))) as api:
            applied = apply_manifest(api, manifest, file.parent)
    for word in ("created", "changed", "logins"):
        for name in applied[word]:
            typer.echo(f"{word:8} {name}")
    if not any(applied.values()):
        typer.echo("nothing to change")


def read_manifest(file: Path) -> dict[str, Any]:
    """The YAML file as a mapping; raises ManifestError."""
    try:
        manifest = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ManifestError(f"{file}: {error}") from error
    if not isinstance(manifest, dict):
        raise ManifestError(f"{file}: a mapping with groups, agents, … is needed")
    return manifest


def apply_manifest(api: Api, manifest: dict[str, Any], folder: Path) -> dict[str, list[str]]:
    """Upload the sounds that the manifest names (`audio: [{id, name, file}]`, relative to `folder`), then apply the rest."""
    for i, entry in enumerate(manifest.get("audio") or []):
        try:
            audio_id, content = str(entry["id"]), (folder / entry["file"]).read_bytes()
        except (TypeError, KeyError) as error:
            raise ManifestError(f"audio[{i}]: id and file are needed") from error
        except OSError as error:
            raise ManifestError(f"audio[{i}].file: {error}") from error
        api.put("console", f"/v1/audio/{audio_id}", content, name=str(entry.get("name", audio_id)))
    rest = {key: value for key, value in manifest.items() if key != "audio" and value is not None}
    applied: dict[str, list[str]] = api.post("console", "/v1/apply", rest)
    return applied
