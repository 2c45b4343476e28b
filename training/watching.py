"""What a person gets to see of a run: previews in the terminal, TensorBoard, and figures at its end."""

from pathlib import Path

from lightning.pytorch.callbacks import Callback
from rich.console import Console

from fashion.artifact import open_artifact
from training.figures.gallery import write_figures
from training.figures.shown import WHAT, pictures_to_show
from training.previews import PreviewAfterEpoch
from training.runs import RunFolder
from training.tensorboard_extras import TensorBoardExtras


def watchers(console: Console) -> list[Callback]:
    """The callbacks that show a run while it trains; the bar and the lines of terms come from `progress`."""
    return [PreviewAfterEpoch(console), TensorBoardExtras()]


def draw_run(folder: RunFolder, data: Path | None, console: Console) -> None:
    """Draw all that applies to a finished run into its `figures`, on test pictures.

    A run whose graphs join another's artifact has none of its own, and is drawn with that one.
    """
    if not folder.artifact.is_dir():
        return
    figures = folder.path / "figures"
    artifact = open_artifact(folder.artifact)
    written = write_figures(artifact, pictures_to_show(data), WHAT, figures, history=folder.history_file)
    console.print(f"figures:    {figures} ({len(written)} files)", highlight=False, soft_wrap=True)
