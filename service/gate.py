"""Who is let in, and how often: API keys and the rate limit, both off unless the operator sets them."""

from collections.abc import Mapping

from service import metrics
from service.access import Rate
from service.exchange import Scope
from service.keys import KeyRing
from service.rate_limit import RateLimit, network_of
from service.routes import Route
from service.settings import Settings


class Gate:
    """Stands before every route but the open ones (health, documents)."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidValue where the keys or the rate cannot be used."""
        self._keys = KeyRing.of(settings)
        self._limit: RateLimit | None = None
        if settings.rate_limit is not None:
            self._limit = RateLimit(Rate.parse(settings.rate_limit), metrics.multiprocess_folder())

    def check(self, route: Route, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Raise the refusal of a request without a known key, and of one too many."""
        if route.is_open:
            return
        client = ""
        if self._keys is not None:
            client = f"key {self._note(self._keys.holder(headers))}"
        if self._limit is not None:
            self._limit.take(client or f"address {_address(scope)}")

    def _note(self, holder: str) -> str:
        metrics.KEY_USES.inc(holder)
        return holder

    def close(self) -> None:
        """Let go of the shared file."""
        if self._limit is not None:
            self._limit.close()


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return network_of(client[0]) if client else "unknown"
