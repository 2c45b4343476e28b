"""Where our layers and BentoML's are put together: the guard outside, our OpenAPI document inside.

`service_class` is BentoML's own hook for this; a middleware would stand inside BentoML's layers, whose error
bodies and metrics are not ours (docs/decisions/0101). What workers alone need is imported where they come to
it (docs/decisions/0317).
"""

from typing import Any

import bentoml
import yaml
from bentoml.models import BentoModel

from service.store import stable_tag


class GuardedService(bentoml.Service[Any]):
    """BentoML's service, with the guard around its application."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The application that a worker serves."""
        from service.application import guarded

        return guarded(super().to_asgi(is_main), self.apis.values())

    @property
    def openapi_spec(self) -> Any:
        """What /docs.json and the Bento tell of the HTTP interface."""
        from service.openapi import openapi_document

        return OpenAPIDocument(openapi_document())


class OpenAPIDocument(dict[str, Any]):
    """Our document in the two forms that BentoML asks for: by `asdict`, and through PyYAML's dumper."""

    def asdict(self) -> dict[str, Any]:
        """The document itself."""
        return dict(self)


yaml.add_representer(OpenAPIDocument, lambda dumper, document: dumper.represent_dict(document.asdict()))


def pinned_model(name: str) -> BentoModel | None:
    """The version of `name` that `stable` names now, as BentoML packs it into a Bento; None where there is
    none."""
    tag = stable_tag(name)
    return BentoModel(tag) if tag else None
