"""From the best checkpoint to a complete artifact: what `train` does once the weights are found."""

import shutil

from rich.console import Console

from fashion.artifact import Artifact
from training.export import export_run
from training.runs import RunFolder
from training.splits import Split


def finish(folder: RunFolder, validation: dict[str, float], split: Split, console: Console) -> Artifact:
    """Export the run, then complete the artifact with what its kind needs; an earlier artifact is replaced.

    `validation` are the figures of the kept weights, for the manifest.
    """
    shutil.rmtree(folder.artifact, ignore_errors=True)
    metrics = {f"validation_{name}": value for name, value in validation.items()}
    artifact = export_run(folder, folder.artifact, metrics)
    console.print(f"artifact:   {artifact.folder}", highlight=False, soft_wrap=True)
    return artifact
