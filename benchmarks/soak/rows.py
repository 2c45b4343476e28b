"""What one row of the soak tells: what was to hold, what was seen, and whether it held."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Value = float | int | str


@dataclass
class Row:
    """One row; `missed` names every condition that did not hold, `skipped` why nothing was measured."""

    name: str
    target: str
    numbers: dict[str, Value] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    skipped: str = ""

    def demand(self, what: str, holds: bool) -> None:
        """Note a condition that must hold."""
        if not holds:
            self.missed.append(what)

    @property
    def verdict(self) -> str:
        """In one word."""
        return "not measured" if self.skipped else "missed" if self.missed else "met"


@dataclass(frozen=True)
class Settings:
    """How long and with what the rows run: `seconds` for each but the overload, which has its own."""

    models: Path  # a BentoML home, of which `stable` is served
    seconds: float
    overload_seconds: float
    connections: int = 16


RowRun = Callable[[Settings], Coroutine[Any, Any, Row]]
