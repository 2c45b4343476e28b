"""Work that can be taken apart: what computes an answer says into which parts, and whoever asked for it
decides how they are gone through.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

P = TypeVar("P")
T = TypeVar("T")


class InParts(Protocol):
    """A way to go through parts.

    It may do other things between two of them, compute several at once in threads, or raise, and then no more
    are begun.
    """

    def __call__(self, compute: Callable[[P], T], parts: Sequence[P], /) -> list[T]:
        """What `compute` makes of each of `parts`, in their order."""
        ...


def one_by_one(compute: Callable[[P], T], parts: Sequence[P], /) -> list[T]:
    """The plainest `InParts`: one after the other in the calling thread."""
    return [compute(part) for part in parts]
