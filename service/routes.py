"""Which routes there are, and what each takes and gives: the guard, the metrics and the OpenAPI document
read it here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.refusals import Refusal

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
ANY_BYTES: Final = "application/octet-stream"
PNG: Final = "image/png"


@dataclass(frozen=True)
class Route:
    """One route, by its path, which is also its label in the metrics."""

    path: str
    methods: tuple[str, ...] = ("GET", "HEAD")
    takes_pictures: bool = False
    gives_sheets: bool = False
    takes_tensors: bool = False
    is_open: bool = False  # answers without an API key, whether or not there are any
    is_page: bool = False  # for browsers: its answers may run scripts of this server

    @property
    def tells_readiness(self) -> bool:
        """Whether a load balancer learns here that it should send no more."""
        return self.path in ("/readyz", f"{PROTOCOL}/health/ready")

    @property
    def computes(self) -> bool:
        """Whether answering takes a model: such requests have a body, and stand in the queue."""
        return self.methods == ("POST",)

    def check_method(self, method: str) -> None:
        """Raise the refusal of a method that the route does not have."""
        if method not in self.methods:
            allowed = ", ".join(self.methods)
            raise Refusal(
                "method_not_allowed",
                f"{self.path} answers {allowed}, not {method[:20]}",
                headers={"Allow": allowed},
            )

    def check_media_type(self, media_type: str, *, has_body: bool) -> None:
        """Raise the refusal of a body that is of none of the types which the route takes."""
        if media_type == JSON or (not has_body and not self.takes_pictures):
            return
        if self.takes_pictures and (media_type in (MULTIPART, ANY_BYTES) or media_type.startswith("image/")):
            return
        if self.takes_tensors and media_type in (ANY_BYTES, ""):  # clients of the protocol may leave it out
            return
        expected = f"{MULTIPART}, {JSON}, image/* or {ANY_BYTES}" if self.takes_pictures else JSON
        if self.takes_tensors:
            expected = f"{JSON} or {ANY_BYTES}"
        raise Refusal(
            "unsupported_media_type",
            f"{self.path} takes {expected}, not {media_type[:80] or 'a body without a Content-Type'}",
        )


OTHER: Final = Route("other", ())  # stands for every path that is no route


def _picture_route(path: str, *, gives_sheets: bool = False) -> Route:
    return Route(path, ("POST",), takes_pictures=True, gives_sheets=gives_sheets)


ROUTES: Final[Mapping[str, Route]] = {
    route.path: route
    for route in (
        _picture_route("/classify"),
        _picture_route("/encode"),
        _picture_route("/reconstruct", gives_sheets=True),
        Route("/generate", ("POST",), gives_sheets=True),
        Route("/models"),
        Route("/livez", is_open=True),
        Route("/readyz", is_open=True),
        Route("/healthz", is_open=True),
        Route("/metrics"),
        Route("/docs.json", is_open=True),
        Route("/schema.json", is_open=True),
        Route("/", is_open=True, is_page=True),
    )
}

# The Open Inference Protocol (docs/decisions/0301); its errors have another body.
PROTOCOL: Final = "/v2"
_PROTOCOL_MODEL: Final = re.compile(
    rf"{PROTOCOL}/models/(?P<name>[^/]+)(?P<versioned>/versions/(?P<version>[^/]+))?(?P<rest>/ready|/infer)?"
)
PROTOCOL_ROUTES: Final[Mapping[str, Route]] = {
    route.path: route
    for route in (
        Route(PROTOCOL),
        Route(f"{PROTOCOL}/health/live", is_open=True),
        Route(f"{PROTOCOL}/health/ready", is_open=True),
        *(
            route
            for model in (
                f"{PROTOCOL}/models/{{name}}",
                f"{PROTOCOL}/models/{{name}}/versions/{{version}}",
            )
            for route in (
                Route(model),
                Route(f"{model}/ready"),
                Route(f"{model}/infer", ("POST",), takes_tensors=True),
            )
        ),
    )
}

_STATIC_CONTENT: Final = Route("/static_content", is_open=True, is_page=True)  # of BentoML's own page at /


def find_route(path: str) -> Route:
    """The route of `path`; raises the refusal of a path that is none."""
    route = ROUTES.get(path)
    if route is None and in_protocol(path):
        return _find_protocol_route(path)
    if route is None and path.startswith(f"{_STATIC_CONTENT.path}/"):
        route = _STATIC_CONTENT
    if route is None:
        raise Refusal("not_found", f"There is nothing here; there is {', '.join(ROUTES)}")
    return route


def in_protocol(path: str) -> bool:
    """Whether `path` belongs to the Open Inference Protocol, a route or not."""
    return path.startswith(f"{PROTOCOL}/") or path == PROTOCOL


def find_protocol_model(path: str) -> tuple[str, str | None]:
    """The model's name in the path of a protocol's route, and its version if it names one."""
    match = _PROTOCOL_MODEL.fullmatch(path)
    assert match, "find_route has matched it"
    return match["name"], match["version"]


def _find_protocol_route(path: str) -> Route:
    route = PROTOCOL_ROUTES.get(path)
    if route is None and (match := _PROTOCOL_MODEL.fullmatch(path)):
        versioned = "/versions/{version}" if match["versioned"] else ""
        route = PROTOCOL_ROUTES[f"{PROTOCOL}/models/{{name}}{versioned}{match['rest'] or ''}"]
    if route is None:
        raise Refusal("not_found", f"There is nothing here; there is {', '.join(PROTOCOL_ROUTES)}")
    return route
