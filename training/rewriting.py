"""Completing an artifact that is not published yet: calibration, a prior and measured figures join its
manifest.

An artifact is never edited in place. The completed one is written beside the old with every check of
`fashion.artifact`, and then takes its place.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion.artifact import Artifact, open_artifact, write_artifact
from fashion.engine import Array


def rewrite_artifact(
    artifact: Artifact,
    changes: Mapping[str, Any],
    files: Mapping[str, bytes] | None = None,
    probe: Mapping[str, Array] | None = None,
) -> Artifact:
    """Replace the artifact by one with `changes` to its manifest's fields, and with `files` added or
    replaced.

    `probe` holds arrays of the probe that change, as `GRAPH/output/TENSOR`, where graphs were replaced.
    """
    folder, manifest = artifact.folder, artifact.manifest
    changed = manifest.model_copy(update={**changes, "files": {}})
    kept: dict[str, bytes | Path] = {
        name: folder / name for name in manifest.files if name != manifest.probe.file
    }
    arrays = {**artifact.arrays(manifest.probe.file), **(probe or {})}
    graphs = changed.graphs.items()
    draft = folder.with_name(f".{folder.name}.rewritten")
    shutil.rmtree(draft, ignore_errors=True)
    write_artifact(
        draft,
        changed,
        {**kept, **(files or {})},
        {name: [arrays[f"{name}/input/{tensor.name}"] for tensor in spec.inputs] for name, spec in graphs},
        {name: [arrays[f"{name}/output/{tensor.name}"] for tensor in spec.outputs] for name, spec in graphs},
    )
    old = folder.with_name(f".{folder.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old)
    return open_artifact(folder)
