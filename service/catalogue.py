"""The models that this worker serves: loaded and probed, found by alias, name or version, and swapped
between requests.

A request keeps the model that it was given until it is answered; an alias that moves gives the next request
another. A version that cannot be loaded, or does not pass its probe, never replaces one that answers.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Final, TypeVar

from fashion.aliases import Aliases, AliasName
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.errors import AliasError, ArtifactError, FashionError, UnknownModel, WrongKind
from fashion.manifest import Manifest
from fashion.models import Model, load_model
from service import metrics
from service.exchange import Exchange
from service.refusals import answer_timeout, echo, not_ready, overloaded
from service.store import AUTOENCODER, CLASSIFIER, COMPANION, SERVED, AliasSource, model_folder

logger = logging.getLogger(__name__)

AnyModel = TypeVar("AnyModel", Classifier, Autoencoder)

ALIASES: Final[tuple[AliasName, ...]] = ("stable", "candidate")
# More would hold the places of requests that could be answered, and memory for nobody's sake.
_MAX_LOADS_WAITING: Final = 8
# As BentoML has them: its store takes anything else for damage, and not for a model that it does not have.
_PART: Final = r"([a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?)"
_TAG: Final = re.compile(f"{_PART}(?::{_PART})?")


@dataclass(frozen=True)
class Served:
    """One loaded version."""

    name: str
    version: str
    model: Model

    @cached_property
    def tag(self) -> str:
        """`name:version`, as answers and the store have it."""
        return f"{self.name}:{self.version}"

    @property
    def manifest(self) -> Manifest:
        """What the artifact says of itself."""
        return self.model.artifact.manifest

    @property
    def sha256(self) -> str:
        """The manifest's own checksum, and through it every file's."""
        return self.model.artifact.sha256


Aliased = Mapping[tuple[str, AliasName], Served]


class Catalogue:
    """Every loaded version, by tag and by alias. Changed from the event loop's thread alone."""

    def __init__(
        self, source: AliasSource, *, max_versions_loaded: int, warm_up: Callable[[Model], None]
    ) -> None:
        """`warm_up` runs a model before it may answer."""
        self._source = source
        self._warm_up = warm_up
        self._stamp: object = ()
        self._aliases = Aliases()
        self._aliased: Aliased = {}
        self._by_tag: OrderedDict[str, Served] = OrderedDict()  # asked for by tag; last used last
        self._max_by_tag = max_versions_loaded
        self._loads: dict[str, asyncio.Task[Served]] = {}  # by tag, until they have ended
        self._loading = asyncio.Lock()  # held by whoever loads: two at once would load a version twice
        self._complaint = ""

    @property
    def ready(self) -> bool:
        """Whether every model that a route needs is loaded and has passed its probe."""
        return all((name, "stable") in self._aliased for name in SERVED)

    @property
    def served(self) -> list[tuple[Served, tuple[AliasName, ...]]]:
        """Every loaded version with the aliases that name it."""
        found = {served.tag: served for served in (*self._aliased.values(), *self._by_tag.values())}
        return [
            (served, tuple(alias for (_, alias), named in self._aliased.items() if named.tag == served.tag))
            for served in found.values()
        ]

    async def classifier(self, exchange: Exchange, wanted: str) -> tuple[str, Classifier]:
        """The tag and the model that `wanted` (an alias, a name, a name:version) means to a route that
        classifies.

        A version that is not loaded yet is waited for as long as `exchange` has time.
        """
        return _of_kind(Classifier, await self._find(exchange, wanted, CLASSIFIER))

    async def autoencoder(self, exchange: Exchange, wanted: str) -> tuple[str, Autoencoder]:
        """The same for a route that encodes or decodes."""
        return _of_kind(Autoencoder, await self._find(exchange, wanted, AUTOENCODER))

    def candidate(self, name: str) -> Served | None:
        """The candidate of `name`, None where there is none or where it is what `stable` names too."""
        served, stable = self._aliased.get((name, "candidate")), self._aliased.get((name, "stable"))
        return None if served and stable and served.tag == stable.tag else served

    async def _find(self, exchange: Exchange, wanted: str, default_name: str) -> Served:
        if wanted == "stable":
            return self._stable(default_name)
        if wanted == "candidate":
            if served := self._aliased.get((default_name, "candidate")):
                return served
            raise UnknownModel(f"{default_name} has no candidate now; GET /models tells what is served")
        return self._stable(wanted) if wanted in SERVED else await self._find_tag(exchange, wanted)

    def _stable(self, name: str) -> Served:
        if served := self._aliased.get((name, "stable")):
            return served
        raise not_ready(f"No version of {name} is loaded yet: the log tells why")

    async def _find_tag(self, exchange: Exchange, wanted: str) -> Served:
        match = _TAG.fullmatch(wanted)
        name, version = match.groups() if match else ("", None)
        version = version or self._aliases.version(name, "stable")
        if not version:
            raise UnknownModel(
                f"There is no model {echo(wanted)}: give stable, candidate, a name or name:version"
            )
        return self._loaded(f"{name}:{version}") or await self._load_by_tag(exchange, name, version)

    def _loaded(self, tag: str) -> Served | None:
        for served in self._aliased.values():
            if served.tag == tag:
                return served
        if tag in self._by_tag:
            self._by_tag.move_to_end(tag)
        return self._by_tag.get(tag)

    async def _load_by_tag(self, exchange: Exchange, name: str, version: str) -> Served:
        tag = f"{name}:{version}"
        load = self._loads.get(tag)
        if load is None:
            if len(self._loads) >= _MAX_LOADS_WAITING:
                raise overloaded(f"{len(self._loads)} versions are being loaded: try again in a second")
            load = self._loads[tag] = asyncio.create_task(self._load_in_turn(name, version))
            load.add_done_callback(partial(self._load_ended, tag))
        # It goes on without those whose time is over: whoever asks again finds it.
        await asyncio.wait([load], timeout=exchange.seconds_left)
        if not load.done():
            raise answer_timeout(exchange.answer_timeout_seconds)
        return load.result()

    def _load_ended(self, tag: str, load: "asyncio.Task[Served]") -> None:
        del self._loads[tag]
        if not load.cancelled():
            load.exception()  # or asyncio complains where nobody waits for it any more

    async def _load_in_turn(self, name: str, version: str) -> Served:
        tag = f"{name}:{version}"
        async with self._loading:
            if served := self._loaded(tag):  # an alias may name it by now
                return served
            try:
                served = await asyncio.to_thread(self._load, name, version)
            except ArtifactError as error:
                logger.warning("%s cannot be served: %s", tag, error)
                raise not_ready(f"{tag} cannot be served, because its artifact is damaged") from None
            self._by_tag[tag] = served
            if len(self._by_tag) > self._max_by_tag:
                self._by_tag.popitem(last=False)
            return served

    def load(self) -> None:
        """Load what the aliases name."""
        self._stamp = self._source.stamp()
        self._take(*self._read(self._aliased))

    async def watch(self, poll_seconds: float) -> None:
        """Follow the aliases until cancelled; while something is wrong, try again even if they stay."""
        while True:
            await asyncio.sleep(poll_seconds)
            stamp = self._source.stamp()
            if stamp != self._stamp or self._complaint:
                self._stamp = stamp
                await self._follow()

    async def _follow(self) -> None:
        try:
            async with self._loading:
                self._take(*await asyncio.to_thread(self._read, self._aliased))
        except Exception:
            # The engine may fail in ways of its own; the next look at the aliases must come all the same.
            self._complaint = "the aliases could not be followed"
            logger.exception(self._complaint)

    def _read(self, before: Aliased) -> tuple[Aliases, Aliased, str]:
        """What the aliases name now, loaded, and what is wrong with it; whatever is wrong stays as it was
        before."""
        after: dict[tuple[str, AliasName], Served] = {}
        wrong: list[str] = []
        try:
            aliases = self._source.read()
        except AliasError as error:
            # A worker that starts has nothing that could stay. What the last change left is what all others
            # answer with: better than a worker that is never ready.
            copy = None if before else self._source.copy()
            if copy is None:
                return self._aliases, before, str(error)
            aliases = copy
            wrong.append(f"{error}; this worker starts with what its copy says")
        for name, alias in product((*SERVED, COMPANION), ALIASES):
            try:
                served = self._named(aliases, (before, after), name, alias)
            except (FashionError, OSError) as error:
                wrong.append(f"{alias} of {name} stays as it was: {error}")
                served = before.get((name, alias)) or self._former(aliases, name, alias)
            if served:
                after[name, alias] = served
        return aliases, after, "; ".join(wrong)

    def _named(
        self, aliases: Aliases, known: Iterable[Aliased], name: str, alias: AliasName
    ) -> Served | None:
        """What an alias names now, loaded if it is not `known` yet; of what a route needs, stable must be
        something."""
        version = aliases.version(name, alias)
        if version is None:
            if alias == "candidate" or name not in SERVED:
                return None
            raise AliasError("it names no version; publish one and promote it")
        tag = f"{name}:{version}"
        aliased = (served for some in known for served in some.values() if served.tag == tag)
        return next(aliased, None) or self._by_tag.get(tag) or self._load(name, version)

    def _former(self, aliases: Aliases, name: str, alias: AliasName) -> Served | None:
        """What `stable` named before, for a worker that starts while it names what cannot be served."""
        history = aliases.models[name].history if alias == "stable" and name in aliases.models else ()
        try:
            return self._load(name, history[-1]) if history else None
        except (FashionError, OSError):
            return None

    def _load(self, name: str, version: str) -> Served:
        """Load a version from the store, run its probe and warm it up; UnknownModel or ArtifactError where it
        cannot be served."""
        model = load_model(model_folder(f"{name}:{version}"))
        model.artifact.check_probe()
        self._warm_up(model)
        return Served(name, version, model)

    def _take(self, aliases: Aliases, aliased: Aliased, complaint: str) -> None:
        for (name, alias), served in aliased.items():
            if self._aliased.get((name, alias)) is not served:
                logger.info("%s is now %s of %s", served.tag, alias, name)
        if complaint and complaint != self._complaint:
            logger.error(complaint)
        self._aliases, self._aliased, self._complaint = aliases, aliased, complaint
        metrics.serving(
            (served.name, served.version, alias, served.sha256) for (_, alias), served in aliased.items()
        )


def _of_kind(kind: type[AnyModel], served: Served) -> tuple[str, AnyModel]:
    if not isinstance(served.model, kind):
        raise WrongKind(
            f"{served.tag} is a model of kind {served.manifest.kind}, which this route cannot use"
        )
    return served.tag, served.model
