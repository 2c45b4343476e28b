"""The command line, `python -m training …`: the only place where arguments are parsed.

Each command is a thin function in one of the `cli_*.py`. A mistake of the user ends in one
sentence on standard error and exit status 2; nothing prints a traceback but a defect of ours.
"""

import sys

import typer
from rich.console import Console

from fashion.errors import FashionError
from training import cli_figures, cli_models, cli_studies, cli_training

BAD_USE = 2
INTERRUPTED = 130  # what shells report for a command ended by Ctrl-C

app = typer.Typer(
    help="Train, evaluate, publish and release the models that the service answers with.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli_training.register(app)
cli_models.register(app)
cli_figures.register(app)
cli_studies.register(app)


def main() -> None:
    """Run one command and exit."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        app()
    except (FashionError, OSError) as error:
        errors.print(f"[red]error:[/] {_sentence(error)}")
        sys.exit(BAD_USE)
    except cli_training.Stopped as stopped:
        errors.print(str(stopped))
        sys.exit(INTERRUPTED)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    return str(error)
