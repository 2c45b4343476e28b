"""Which routes there are, and what each takes and gives: the guard, the metrics and the OpenAPI document
read it here."""

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
        expected = f"{MULTIPART}, {JSON}, image/* or {ANY_BYTES}" if self.takes_pictures else JSON
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
        Route("/livez"),
        Route("/readyz"),
        Route("/healthz"),
        Route("/metrics"),
        Route("/docs.json"),
        Route("/schema.json"),
        Route("/"),
    )
}
_STATIC_CONTENT: Final = Route("/static_content")  # of BentoML's own page at /


def find_route(path: str) -> Route:
    """The route of `path`; raises the refusal of a path that is none."""
    route = ROUTES.get(path)
    if route is None and path.startswith(f"{_STATIC_CONTENT.path}/"):
        route = _STATIC_CONTENT
    if route is None:
        raise Refusal("not_found", f"There is nothing here; there is {', '.join(ROUTES)}")
    return route
