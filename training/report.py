"""A report: figures, tables and their words, written as JSON for programs and as Markdown for people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rich.table
from rich.console import Console

from training.runs import write_json

Cell = str | float | int


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report; numbers are kept as they are and rounded only where they are shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    """What a reader needs to know to read it right."""

    def as_markdown(self) -> str:
        """A section of a page."""
        lines = [f"## {self.title}", ""]
        lines += [f"| {' | '.join(self.columns)} |", f"|{'---|' * len(self.columns)}"]
        lines += [f"| {' | '.join(_shown(cell) for cell in row)} |" for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])

    def as_rich(self) -> rich.table.Table:
        """For a terminal."""
        shown = rich.table.Table(title=self.title, caption=self.note or None)
        for column in self.columns:
            shown.add_column(column)
        for row in self.rows:
            shown.add_row(*(_shown(cell) for cell in row))
        return shown


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of one model.

    `figures` are the headline numbers by name, units in the names; they are what an artifact's manifest
    records.
    """

    title: str
    subject: str
    """What was measured, on what: one sentence."""
    figures: dict[str, float]
    tables: Sequence[Table] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write `report.json` and `report.md` into `folder`, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "report.json", self.as_record())
        (folder / "report.md").write_text(self.as_markdown(), encoding="utf-8")

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        tables = [
            {"title": table.title, "columns": list(table.columns), "rows": [list(row) for row in table.rows]}
            for table in self.tables
        ]
        return {"title": self.title, "subject": self.subject, "figures": self.figures, "tables": tables}

    def as_markdown(self) -> str:
        """The page."""
        parts = [f"# {self.title}", self.subject, *(table.as_markdown() for table in self.all_tables())]
        return "\n\n".join(parts) + "\n"

    def show(self, console: Console) -> None:
        """Print it to a terminal."""
        console.print(f"[bold]{self.title}[/]\n{self.subject}", highlight=False)
        for table in self.all_tables():
            console.print(table.as_rich())

    def all_tables(self) -> list[Table]:
        """The headline figures as a table, then the others."""
        return [Table("Figures", ("figure", "value"), list(self.figures.items())), *self.tables]


def _shown(cell: Cell) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)
