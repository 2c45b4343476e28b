"""The one place where our layers and BentoML's are put together: the guard outside, our OpenAPI document inside.

`service_class` is BentoML's own hook for this; a middleware would stand inside BentoML's layers, whose error bodies
and metrics are not ours (docs/decisions/0101).
"""

from typing import Any

import bentoml
from bentoml.models import BentoModel

from service.guard import Guard
from service.openapi import openapi_document
from service.settings import settings
from service.store import stable_tag


class GuardedService(bentoml.Service):  # type: ignore[type-arg, misc]
    """BentoML's service, with the guard around its application."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The application that a worker serves."""
        return Guard(super().to_asgi(is_main), settings())

    @property
    def openapi_spec(self) -> Any:
        """What /docs.json and the Bento tell of the HTTP interface."""
        return openapi_document()


def pinned_model(name: str) -> BentoModel | None:
    """The version of `name` that `stable` names now, as BentoML packs it into a Bento; None where there is none."""
    tag = stable_tag(name)
    return BentoModel(tag) if tag else None
