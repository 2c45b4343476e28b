"""`ablate`, `mistakes` and `trade-off`: what each part of a recipe is worth, where a classifier errs, and
what a nat buys a VAE.

As in `cli_training.py`, commands import what they run when they run.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.cli_models import TargetArgument
from training.cli_training import DataOption


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("ablate")(ablate)
    app.command("mistakes")(mistakes)
    app.command("trade-off")(trade_off)


def ablate(
    recipe: Annotated[str, typer.Argument(help="A classifier's recipe.")] = "classifier",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Override a setting of the base. May be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each variant.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Train on this many pictures only.")] = None,
    data: DataOption = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs; what is finished there is kept.")] = Path(
        "runs/ablation"
    ),
    into: Annotated[
        Path | None, typer.Option(metavar="PAGE", help="Put the table into this page, between its two marks.")
    ] = None,
    table_only: Annotated[
        bool, typer.Option("--table-only", help="Train nothing: tell of what is finished in --out.")
    ] = False,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Change one part of a recipe at a time, train several seeds of each, and compare them on validation."""
    from training.ablation import Study, as_table, finished_rows, insert_table
    from training.ablation import ablate as study_changes
    from training.cli_training import Stopped
    from training.dataset import load_training
    from training.fitting import Interrupted
    from training.machine import Machine
    from training.splits import split

    study = Study.of_recipe(recipe, overrides or [], seeds, limit)
    machine = Machine.choose(device, threads=threads)
    console = Console()
    try:
        if table_only:
            rows = finished_rows(out, study)
        else:
            rows = study_changes(study, split(load_training(data)), out, machine, console)
    except Interrupted as interrupted:
        raise Stopped(f"Stopped. The same command continues in {out}.") from interrupted
    table = as_table(rows, study)
    console.print(table.as_rich())
    if into:
        insert_table(table, into)


def mistakes(
    target: TargetArgument = "fashion-classifier",
    out: Annotated[Path, typer.Option(help="Folder for mistakes.md and images/.")] = Path("docs"),
    data: DataOption = None,
) -> None:
    """Write a page of a classifier's typical mistakes, with pictures."""
    from fashion.classifier import Classifier
    from training.dataset import load_test
    from training.evaluating import available_digits
    from training.finishing import available_photographs
    from training.mistakes import confused_labels, mistaken_photographs, passing_for_garments, write_page
    from training.targets import opened

    test, photographs = load_test(data), available_photographs()
    with opened(target) as artifact:
        classifier = Classifier(artifact)
        chapters = [confused_labels(classifier, test.images, test.labels)]
        if photographs:
            chapters.append(mistaken_photographs(classifier, photographs.held_out))
        others = photographs.other if photographs else ()
        chapters.append(passing_for_garments(classifier, available_digits(), others))
        page = write_page(classifier, chapters, out)
    Console().print(f"wrote {page}", highlight=False, soft_wrap=True)


def trade_off(
    betas: Annotated[
        list[float] | None,
        typer.Option("--beta", min=0.0, help="Weight of the KL term. [default: 0.25, 0.5, 1, 2 and 4]"),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Override a setting of `vae`. May be repeated."),
    ] = None,
    data: DataOption = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs; what is finished there is kept.")] = Path(
        "runs/trade-off"
    ),
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train the recipe `vae` at several weights of its KL term, and draw squared error over nats."""
    from training.cli_training import Stopped
    from training.dataset import load_training
    from training.figures.style import save, style
    from training.fitting import Interrupted
    from training.machine import Machine
    from training.splits import split
    from training.trade_off import DEFAULT_BETAS, trade_off_figure, trade_off_table
    from training.trade_off import trade_off as study

    console, machine = Console(), Machine.choose(device, threads=threads)
    pictures = split(load_training(data))
    try:
        points = study(betas or DEFAULT_BETAS, overrides or [], pictures, out, machine, console)
    except Interrupted as interrupted:
        raise Stopped(f"Stopped. The same command continues in {out}.") from interrupted
    console.print(trade_off_table(points).as_rich())
    with style():
        path = save(trade_off_figure(points), out, "trade-off", formats=("png",))[0]
    console.print(f"wrote {path}", highlight=False, soft_wrap=True)
