"""Who takes part, and how each is started: as its own documentation advises, with equal workers."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

_BIN: Final = Path(sys.executable).parent
_APPS: Final = "benchmarks.apps"


@dataclass(frozen=True)
class Peer:
    """One server of the comparison; {port} and {workers} are filled in."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    body: Literal["raw", "form", "json"] = "raw"
    form_field: str = "images"


PEERS: Final = (
    Peer(
        "fashion-service",
        (str(_BIN / "bentoml"), "serve", "service.service:FashionService", "--port", "{port}"),
        {"FASHION_WORKERS": "{workers}"},
    ),
    Peer(
        "starlette",
        (
            *(
                str(_BIN / "uvicorn"),
                f"{_APPS}.starlette_app:app",
                "--port",
                "{port}",
                "--workers",
                "{workers}",
            ),
            *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
        ),
    ),
    Peer(
        "mosec",
        (sys.executable, "-m", f"{_APPS}.mosec_app"),
        {"MOSEC_PORT": "{port}", "MOSEC_ADDRESS": "127.0.0.1", "WORKERS": "{workers}"},
    ),
    Peer(
        "litserve",
        (sys.executable, "-m", f"{_APPS}.litserve_app"),
        {"PORT": "{port}", "WORKERS": "{workers}"},
        body="json",
    ),
    Peer(
        "bentoml-stock",
        (str(_BIN / "bentoml"), "serve", f"{_APPS}.stock_bentoml:StockFashion", "--port", "{port}"),
        body="form",
        form_field="image",
    ),
    Peer(
        "fastapi-torch",
        (
            *(str(_BIN / "uvicorn"), f"{_APPS}.fastapi_torch:app", "--port", "{port}"),
            *("--workers", "{workers}", "--no-access-log", "--log-level", "warning"),
        ),
        body="form",
        form_field="image",
    ),
)
