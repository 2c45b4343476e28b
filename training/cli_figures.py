"""`figures`, `sheets`, `classify`, `projector`, `cluster`, `compare` and `seeds`: they show what was trained.

As in `cli_training.py`, commands import what they run when they run.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fashion.errors import InvalidValue
from training.cli_models import TargetArgument
from training.cli_training import DataOption

TargetsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET...", help="Run folders, artifact folders, .bentomodel files, or tags of the store."
    ),
]
CountOption = Annotated[int, typer.Option("--count", min=10, max=10_000, help="How many test pictures.")]


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (figures, sheets, classify, projector, cluster, compare, seeds):
        app.command(command.__name__)(command)


def figures(
    target: TargetArgument,
    out: Annotated[Path | None, typer.Option(help="[default: figures/ of the run, or figures/NAME]")] = None,
    grid: Annotated[int, typer.Option(min=2, max=100, help="Points a side of the latent manifold.")] = 30,
    start: Annotated[float, typer.Option(help="Where the manifold starts on each axis.")] = -4.0,
    end: Annotated[float, typer.Option(help="Where it ends.")] = 4.0,
    data: DataOption = None,
) -> None:
    """Draw every figure that applies to a model, as PNG and SVG, on the test pictures."""
    from training.figures.gallery import Options, write_figures
    from training.figures.shown import WHAT, pictures_to_show
    from training.targets import opened

    if not start < end:
        raise InvalidValue(f"--start must be below --end, not {start:g} and {end:g}.", field="--start")
    with opened(target) as artifact:
        run = artifact.folder.parent
        history = run / "history.json"
        own = history.is_file()
        folder = out or (run / "figures" if own else Path("figures") / artifact.manifest.name)
        shown = pictures_to_show(data)
        written = write_figures(
            artifact, shown, WHAT, folder, history=history if own else None, options=Options(grid, start, end)
        )
    Console().print(f"wrote {len(written)} files to {folder}", highlight=False, soft_wrap=True)


def sheets(
    target: TargetArgument,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("docs/images"),
    data: DataOption = None,
) -> None:
    """Draw a VAE's samples by label, their nearest training pictures, and reconstructions, as PNG."""
    from fashion.autoencoder import Autoencoder
    from training.dataset import load_training
    from training.figures.shown import pictures_to_show
    from training.figures.style import save, style
    from training.figures.vae_sheets import vae_sheets
    from training.targets import opened

    console = Console()
    with opened(target) as artifact, style():
        for name, figure in vae_sheets(Autoencoder(artifact), load_training(data), pictures_to_show(data)):
            for path in save(figure, out, name, formats=("png",)):
                console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def classify(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Picture files of any usual format.")
    ],
    model: Annotated[
        str, typer.Option(metavar="TARGET", help="Which classifier: a run, an artifact, a release, or a tag.")
    ] = "fashion-classifier",
    prepare: Annotated[str, typer.Option(help="auto, photograph or none, as the service's option.")] = "auto",
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw where the evidence lies; saves plots.")
    ] = False,
    save_plots: Annotated[
        bool, typer.Option("--save-plots", help="Draw what the network sees and does.")
    ] = False,
    plot_dir: Annotated[Path, typer.Option(help="Folder of the plots.")] = Path("visualisations"),
) -> None:
    """Classify pictures as the service does."""
    from fashion.classifier import Classifier
    from training.classify_command import answer_table, classify_files
    from training.classify_command import save_plots as draw
    from training.targets import opened

    if prepare not in ("auto", "photograph", "none"):
        raise InvalidValue(f"--prepare takes auto, photograph or none, not {prepare!r}.", field="--prepare")
    console = Console()
    with opened(model) as artifact:
        classifier = Classifier(artifact)
        drawn = save_plots or explain
        found = classify_files(classifier, images, prepare, explain=drawn)  # type: ignore[arg-type]  # Typer's text
        console.print(answer_table(found, artifact.manifest.name))
        if drawn:
            written = draw(classifier, found, plot_dir)
            console.print(f"wrote {len(written)} plots to {plot_dir}", highlight=False, soft_wrap=True)


def projector(
    targets: TargetsArgument,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("projector"),
    count: CountOption = 2_000,
    data: DataOption = None,
) -> None:
    """Export vectors for TensorBoard's embedding projector; with PCA, t-SNE and custom axes."""
    import numpy as np

    from training.figures.shown import pictures_to_show
    from training.projector import export_projector
    from training.targets import opened

    with ExitStack() as stack:
        artifacts = [stack.enter_context(opened(target)) for target in targets]
        shown = pictures_to_show(data).select(np.arange(count))
        export_projector(artifacts, shown, out)
    Console().print(f"open it:    tensorboard --logdir {out}", highlight=False, soft_wrap=True)


def cluster(
    target: TargetArgument,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the figure. [default: figures/ of the run]")
    ] = None,
    count: Annotated[int, typer.Option(min=100, max=50_000, help="Training pictures to fit to.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    data: DataOption = None,
) -> None:
    """Cluster the latents of an autoencoder without labels, and hold the clusters against them."""
    import numpy as np

    from fashion.autoencoder import Autoencoder
    from training.clustering import centres_figure
    from training.clustering import cluster as find
    from training.dataset import load_training
    from training.figures.shown import pictures_to_show
    from training.figures.style import save, style
    from training.splits import split
    from training.targets import opened

    with opened(target) as artifact:
        autoencoder = Autoencoder(artifact)
        training = split(load_training(data)).train.select(np.arange(count))
        found = find(autoencoder, training, pictures_to_show(data), seed=seed)
        run = artifact.folder.parent
        folder = out or (run if (run / "settings.json").is_file() else Path()) / "figures"
        with style():
            path = save(centres_figure(autoencoder, found), folder, "cluster-centres")[0]
    table = Table("method", "accuracy", "NMI", "adjusted Rand", title="Ten clusters, on the test pictures")
    for one in found:
        figures = (one.accuracy, one.normalized_mutual_information, one.adjusted_rand_index)
        table.add_row(one.method, *(f"{value:.3f}" for value in figures))
    console = Console()
    console.print(table)
    console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def compare(
    targets: TargetsArgument,
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path("comparison"),
) -> None:
    """Print and plot models side by side: figures, settings that differ, size, and speed on this machine."""
    from training.compare import compared, comparison_figure, rows
    from training.figures.style import save, style
    from training.targets import opened

    if len(targets) < 2:
        raise InvalidValue("compare needs two models or more.", field="TARGET")
    with ExitStack() as stack:
        models = [compared(target, stack.enter_context(opened(target))) for target in targets]
    table = Table("", *(model.name for model in models))
    for name, values in rows(models):
        table.add_row(name, *values)
    console = Console()
    console.print(table)
    with style():
        path = save(comparison_figure(models), out, "comparison")[0]
    console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def seeds(
    out: Annotated[Path, typer.Option(help="Folder of the runs; what is finished there is kept.")] = Path(
        "runs/seeds"
    ),
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same models.")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Train on this many pictures only.")] = None,
    data: DataOption = None,
) -> None:
    """Train the five texts' systems, draw their figures, and print a table beside the texts' own."""
    from training.cli_training import Stopped
    from training.fitting import Interrupted
    from training.machine import Machine
    from training.seed_table import seed_table, train_seeds

    machine = Machine.choose(threads=threads)
    console = Console()
    try:
        rows = train_seeds(out, data, machine, console, seed=seed, limit=limit)
    except Interrupted as interrupted:
        raise Stopped(f"Stopped. The same command continues in {out}.") from interrupted
    console.print(seed_table(rows))
