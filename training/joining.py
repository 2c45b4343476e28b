"""The network for photographs of one artifact in another: so a classifier can be replaced without training
that network again.

What was fitted on its answers is not taken along: `calibrate` fits it anew.
"""

from collections.abc import Mapping
from typing import Any, Final

from fashion.artifact import Artifact
from fashion.errors import InvalidValue
from training.costs import parameters_of
from training.export import PHOTOGRAPHS
from training.photographs import LABELS_FILE
from training.rewriting import rewrite_artifact

FIGURES: Final = "validation_photograph"
"""What the names of the validation figures of the network for photographs begin with."""
_GRAPHS: Final = ("photograph_classifier", "photograph_explainer")


def with_photographs_of(artifact: Artifact, donor: Artifact) -> Artifact:
    """Add the donor's network for photographs to an artifact that is not published yet.

    Raises InvalidValue where the donor has none, or where nothing tells how it was trained.
    """
    theirs = donor.manifest
    settings = theirs.recipe.settings
    if PHOTOGRAPHS not in settings or not theirs.graphs.keys() >= set(_GRAPHS):
        raise InvalidValue(
            f"{theirs.name} at {donor.folder} has no network for photographs of its own: name a classifier "
            f"that has.",
            field="--photographs",
        )
    recipe = settings[PHOTOGRAPHS]["recipe"]
    added = parameters_of(recipe, settings[PHOTOGRAPHS])
    if added is None:
        raise InvalidValue(
            f"The recipe {recipe} trains something else today, so nobody can tell how many parameters the "
            f"donor's network for photographs has: name a run of photograph-classifier.",
            field="--photographs",
        )
    ours = artifact.manifest
    graphs = {name: theirs.graphs[name] for name in _GRAPHS}
    changes: dict[str, Any] = {
        "graphs": {**ours.graphs, **graphs},
        "recipe": ours.recipe.model_copy(
            update={"settings": {**ours.recipe.settings, PHOTOGRAPHS: settings[PHOTOGRAPHS]}}
        ),
        "data": {**ours.data, LABELS_FILE.name: theirs.data[LABELS_FILE.name]},
        "num_parameters": ours.num_parameters + added,
        "metrics": {**ours.metrics, **_figures_of_photographs(theirs.metrics)},
    }
    files = {spec.file: (donor.folder / spec.file).read_bytes() for spec in graphs.values()}
    probe = {
        name: array
        for name, array in donor.arrays(theirs.probe.file).items()
        if name.partition("/")[0] in graphs
    }
    return rewrite_artifact(artifact, changes, files, probe)


def _figures_of_photographs(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name.startswith(FIGURES)}
