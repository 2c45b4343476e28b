"""The artifact: a folder with a manifest, exported graphs and a probe, written atomically and read strictly.

    manifest.json   what the model is, and the sha256 of every other file
    *.onnx          the graphs
    probe.npz       "<graph>/input/<tensor>" and "<graph>/output/<tensor>", as training computed them
    …               further files that the manifest lists (a prior's arrays, the model card)

A folder that is opened has passed every check but the probe, which runs the graphs and is `check_probe`'s.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from fashion.engine import Array, Graph
from fashion.errors import ArtifactError, DamagedArtifact, ProbeMismatch
from fashion.manifest import Manifest

MANIFEST_FILE: Final = "manifest.json"
# BentoML puts its own description into every model folder of its store.
_FOREIGN_FILES: Final = frozenset({"model.yaml"})


@dataclass(frozen=True)
class Artifact:
    """An opened artifact: its folder, its manifest, and its graphs, loaded when first used."""

    folder: Path
    manifest: Manifest
    sha256: str  # of manifest.json, and through it of every file

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """Every graph by name; GraphMismatch or DamagedArtifact where one is not as promised."""
        return {name: Graph(self.folder / spec.file, spec) for name, spec in self.manifest.graphs.items()}

    def arrays(self, file: str) -> dict[str, Array]:
        """The arrays of one of the artifact's .npz files."""
        return _read_arrays(self.folder / file)

    def check_probe(self) -> None:
        """Run every graph on the probe's inputs; ProbeMismatch where an output is not training's."""
        probe = self.manifest.probe
        arrays = self.arrays(probe.file)
        for name, graph in self.graphs.items():
            try:
                inputs = [arrays[f"{name}/input/{tensor.name}"] for tensor in graph.spec.inputs]
                expected = [arrays[f"{name}/output/{tensor.name}"] for tensor in graph.spec.outputs]
            except KeyError as error:
                raise DamagedArtifact(f"{probe.file} lacks the array {error} of graph {name}") from error
            rounding = graph.spec.quantisation
            tolerance = probe.absolute_tolerance + (rounding.rounding_error if rounding else 0.0)
            steps = rounding.rounding_steps if rounding else 0
            for tensor, want, have in zip(graph.spec.outputs, expected, graph(*inputs), strict=True):
                if not _agree(have, want, probe.relative_tolerance, tolerance, steps):
                    raise ProbeMismatch(
                        f"Graph {name} does not reproduce its probe: output {tensor.name} is off by up to "
                        f"{_difference(have, want)}. The engine or the graph has drifted: do not serve it."
                    )


def write_artifact(
    folder: Path,
    manifest: Manifest,
    files: Mapping[str, bytes | Path],
    probe_inputs: Mapping[str, Iterable[Array]],
    probe_outputs: Mapping[str, Iterable[Array]],
) -> Artifact:
    """Write an artifact to `folder`, whole or not at all, and open it with every check.

    `manifest` comes without `files`, which is computed here. `files` holds the content (or a path to copy) of
    every file but the manifest and the probe. `probe_inputs` and `probe_outputs` hold, by graph, the arrays
    in the order of the graph's spec; outputs come from training's own engine. Raises ArtifactError where
    `folder` exists, or where what was written does not pass the checks; then nothing is left behind.
    """
    if folder.exists():
        raise ArtifactError(f"{folder} exists already: artifacts are immutable, choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        _write_probe(draft / manifest.probe.file, manifest, probe_inputs, probe_outputs)
        sums = {path.name: _sha256(path) for path in sorted(draft.iterdir())}
        (draft / MANIFEST_FILE).write_text(manifest.model_copy(update={"files": sums}).to_json(), "utf-8")
        draft.chmod(0o755)
        open_artifact(draft).check_probe()
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return open_artifact(folder)


def open_artifact(folder: Path) -> Artifact:
    """Open the artifact in `folder` after checking its version, its manifest, its files and its graphs.

    Raises UnknownFormatVersion, DamagedArtifact or GraphMismatch, each with a sentence that names the file at
    fault.
    """
    path = folder / MANIFEST_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DamagedArtifact(
            f"{folder.name} is no artifact: it has no readable {MANIFEST_FILE} ({error.strerror})"
        ) from error
    manifest = Manifest.from_json(text)
    _check_files(folder, manifest)
    artifact = Artifact(folder, manifest, hashlib.sha256(text).hexdigest())
    _ = artifact.graphs
    return artifact


def _check_files(folder: Path, manifest: Manifest) -> None:
    present = {path.name for path in folder.iterdir()} - _FOREIGN_FILES - {MANIFEST_FILE}
    if missing := manifest.files.keys() - present:
        raise DamagedArtifact(
            f"The artifact lacks {_listed(missing)}, which its manifest lists: copy it again"
        )
    if unlisted := present - manifest.files.keys():
        raise DamagedArtifact(f"The artifact holds {_listed(unlisted)}, which its manifest does not list")
    needed = {spec.file for spec in manifest.graphs.values()} | {manifest.probe.file}
    needed |= {fit.novelty_file for fit in manifest.calibration.values() if fit and fit.novelty_file}
    if manifest.prior.file:
        needed.add(manifest.prior.file)
    if unsummed := needed - manifest.files.keys():
        raise DamagedArtifact(f"The manifest uses {_listed(unsummed)} without listing a sha256 for it")
    for name, expected in manifest.files.items():
        if (found := _sha256(folder / name)) != expected:
            raise DamagedArtifact(
                f"{name} was altered: its sha256 is {found}, and the manifest lists {expected}; "
                "copy the artifact again"
            )


def _write_probe(
    path: Path,
    manifest: Manifest,
    inputs: Mapping[str, Iterable[Array]],
    outputs: Mapping[str, Iterable[Array]],
) -> None:
    arrays: dict[str, Array] = {}
    for name, spec in manifest.graphs.items():
        for role, tensors, values in (("input", spec.inputs, inputs), ("output", spec.outputs, outputs)):
            for tensor, value in zip(tensors, values[name], strict=True):
                arrays[f"{name}/{role}/{tensor.name}"] = np.asarray(value, dtype=tensor.dtype)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _read_arrays(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise DamagedArtifact(f"{path.name} is not a file of plain arrays: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _agree(have: Array, want: Array, relative: float, absolute: float, steps: int) -> bool:
    """Whether a graph's output is what the probe wants; integers may be off by `steps`."""
    if have.shape != want.shape:
        return False
    if np.issubdtype(want.dtype, np.integer):
        return _largest_difference(have, want) <= steps
    return bool(np.allclose(have, want, rtol=relative, atol=absolute))


def _difference(have: Array, want: Array) -> str:
    if have.shape != want.shape:
        return f"its shape, {have.shape} for {want.shape}"
    return f"{_largest_difference(have, want):.3g}"


def _largest_difference(have: Array, want: Array) -> float:
    return float(np.max(np.abs(have.astype(np.float64) - want)))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
