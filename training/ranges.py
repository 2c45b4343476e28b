"""The ranges that settings are declared with, so that an override outside them is refused before any work.

Settings are plain frozen dataclasses whose fields carry these types; `recipes/overrides.py` checks them.
"""

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""From 0 to 1, both included."""
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]
