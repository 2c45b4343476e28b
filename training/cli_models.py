"""`export`, `calibrate`, `evaluate`, and the store: `publish`, `promote`, `rollback`, `release`."""

import typer


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
