"""Every setting of the service, in one frozen object, read from FASHION_* environment variables in one
place."""

from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB: Final = 1024 * 1024


class Settings(BaseSettings):
    """What an operator may change. `FASHION_MAX_PICTURES=64` sets `max_pictures`, and so on."""

    model_config = SettingsConfigDict(env_prefix="FASHION_", frozen=True, extra="ignore")

    workers: PositiveInt | Literal["cpu_count"] = "cpu_count"

    max_body_bytes: PositiveInt = 32 * _MIB
    max_pictures: PositiveInt = 256
    max_picture_pixels: PositiveInt = 50_000_000
    max_request_pixels: PositiveInt = 200_000_000

    receive_timeout_seconds: PositiveFloat = 30.0
    answer_timeout_seconds: PositiveFloat = 10.0
    # From SIGTERM until a worker stops listening: /readyz says 503 at once, and what comes meanwhile is
    # answered. Set it to the time that your load balancer takes to notice.
    drain_seconds: NonNegativeFloat = 2.0

    # Below HTTP (service/connections.py): what a client may keep a worker waiting for, and how many may.
    head_timeout_seconds: PositiveFloat = 10.0
    send_timeout_seconds: PositiveFloat = 30.0
    # An idle connection stays longer than those of proxies usually do (60 s), so that the proxy ends it: a
    # server that does may reset it under a request. Where there are too many, those idle for longest go.
    keep_alive_seconds: PositiveFloat = 75.0
    max_head_bytes: PositiveInt = 64 * 1024
    max_connections: PositiveInt = 900

    # Of one worker: requests it holds at once, the bytes of their bodies, and the large ones among them.
    max_requests_held: PositiveInt = 128
    max_bytes_held: PositiveInt = 256 * _MIB
    max_large_jobs_held: PositiveInt = 16
    large_job_threads: PositiveInt = 1
    # Threads beside these that compute parts of a large job where no other waits.
    large_job_helpers: NonNegativeInt = 1

    # What may be computed in the event loop's own thread; anything larger goes to the threads above.
    small_request_bytes: PositiveInt = 64 * 1024
    small_request_pictures: PositiveInt = 8
    small_picture_pixels: PositiveInt = 256 * 256
    # Latents that /generate and /reconstruct decode, one taking longer than to classify a picture.
    small_latents: PositiveInt = 4
    # Pictures of small requests that go through the classifier in one pass, where they came together.
    batch_pictures: PositiveInt = 16

    # Who may ask: everybody, unless there are keys (name:key, between commas; in the file, one a line).
    api_keys: SecretStr | None = None
    api_keys_file: Path | None = None
    # How often, each key or, where there are none, each address: 100/second, 5000/hour; unset for no limit.
    rate_limit: str | None = None
    # Origins whose pages may ask from a browser, between commas: https://shop.example; or * for all.
    cors_origins: str = ""

    # What is told of each request beside the metrics: a line of JSON on standard output, and a span to the
    # OpenTelemetry collector at this address (OTLP over HTTP, http://collector:4318).
    access_log: Literal["off", "json"] = "off"
    tracing_endpoint: str | None = None
    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")

    alias_poll_seconds: PositiveFloat = 1.0
    # Of the requests that name no model: how many a candidate answers, and how many of the others (/classify
    # alone) it computes as well, to be compared.
    candidate_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    candidate_shadow: Annotated[float, Field(ge=0, le=1)] = 0.0
    max_versions_loaded: Annotated[int, Field(ge=1)] = 4


@cache
def settings() -> Settings:
    """The settings of this process, read from the environment once."""
    return Settings()
