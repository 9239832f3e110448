"""The command `callstream`. Every module of `commands` adds its own verb: `def register(app: typer.Typer) -> None`."""

import pkgutil
from importlib import import_module

import typer

from callstream_local import commands

app = typer.Typer(help="Callstream on this machine: start and stop it, look inside.", no_args_is_help=True, add_completion=False)

for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda found: found.name):
    import_module(f"{commands.__name__}.{module.name}").register(app)

if __name__ == "__main__":
    app()
