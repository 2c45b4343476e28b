"""What networks look at and what pictures are taken for, in words and numbers alone: whoever describes models
or requests needs this, and no pixels."""

from typing import Final, Literal, TypeAlias

SIDE: Final = 28
"""Pixels of a network input's height and width."""

InputKind: TypeAlias = Literal["network_input", "photograph"]
PrepareMode: TypeAlias = Literal["auto", "photograph", "none"]
