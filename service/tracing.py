"""Whether requests are traced, and where to: decided here, so that nothing of OpenTelemetry is imported for
tracing unless an operator names a collector (docs/decisions/0302)."""

import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from fashion.errors import InvalidValue
from service.settings import Settings

if TYPE_CHECKING:
    from service.spans import Spans

logger = logging.getLogger(__name__)

_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http"


def spans_of(settings: Settings) -> "Spans | None":
    """What draws the spans of requests; None where nobody wants any.

    Raises InvalidValue where FASHION_TRACING_ENDPOINT asks for what cannot be. OpenTelemetry's own variable
    may have been set for a whole cluster, so with that it is a warning.
    """
    endpoint = settings.tracing_endpoint or settings.otlp_endpoint
    if not endpoint or _switched_off():
        return None
    if wrong := _what_is_wrong(endpoint):
        if settings.tracing_endpoint:
            raise InvalidValue(wrong, field="FASHION_TRACING_ENDPOINT")
        logger.warning("No traces are sent: %s", wrong)
        return None
    from service.spans import Spans

    return Spans(endpoint)


def _what_is_wrong(endpoint: str) -> str | None:
    if not endpoint.startswith(("http://", "https://")):
        return f"a collector's address must begin with http:// or https://, and this is '{endpoint}'"
    if not _is_installed():
        return "their exporter is not installed: pip install -c locks/all.txt -e '.[service,tracing]'"
    return None


def _switched_off() -> bool:
    """Whether OpenTelemetry's own variables say so."""
    return (
        os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        or os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    )


def _is_installed() -> bool:
    try:
        return find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:  # not even the packages around it
        return False
