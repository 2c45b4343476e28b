"""`recipes` and `train`.

torch and Lightning take seconds to import, so commands import what they run when they run: help and misspelt
options answer at once.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fashion.errors import InvalidValue

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder of the four Fashion-MNIST files. [default: FASHION_MNIST_DIR, or download]"
    ),
]


class Stopped(Exception):
    """The user stopped a command; the message says how to continue."""


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("recipes")(recipes)
    app.command("train")(train)


def recipes(
    settings: Annotated[
        bool, typer.Option("--settings", help="Show every setting with its default.")
    ] = False,
) -> None:
    """List the recipes, where they come from, and their settings."""
    from training.recipes import RECIPES
    from training.recipes.overrides import flat_settings

    console = Console()
    table = Table("recipe", "what it trains", "source")
    for name, build in RECIPES.items():
        recipe = build()
        table.add_row(name, recipe.summary, recipe.source)
    console.print(table)
    for name, build in RECIPES.items() if settings else ():
        console.print(f"\n[bold]{name}[/]")
        for setting, value in flat_settings(build()).items():
            console.print(f"  {setting}={value}", highlight=False)


def train(
    recipe: Annotated[str, typer.Argument(help="The recipe's name; `recipes` lists them.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Override a setting of the recipe. May be repeated."
        ),
    ] = None,
    data: DataOption = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. [default: runs/RECIPE-TIME]")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same model.")] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    use: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART=RUN",
            help="Take a finished run for a part that the recipe builds on, rather than train it again. May "
            "be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Train on this many pictures only, to try things.")
    ] = None,
    figures: Annotated[bool, typer.Option(help="Draw every figure into the run folder at the end.")] = True,
) -> None:
    """Train a recipe and leave a run folder with checkpoints, figures and a complete artifact."""
    from training.dataset import load_training
    from training.distribution import Processes
    from training.finishing import available_photographs
    from training.fitting import Interrupted
    from training.foundations import parsed_uses
    from training.machine import Machine
    from training.recipes import find_recipe
    from training.recipes.overrides import with_overrides
    from training.runs import new_run_path
    from training.splits import split
    from training.training_run import TrainRequest
    from training.training_run import train as run_training
    from training.watching import draw_run

    if resume and out is None:
        raise InvalidValue("--resume needs --out with the folder of the run to continue.", field="--resume")
    processes = Processes.of_environment()
    if processes.count > 1 and out is None:
        raise InvalidValue("Several processes train into one folder: name it with --out.", field="--out")
    chosen = with_overrides(find_recipe(recipe), overrides or [])
    machine = Machine.choose(device, precision, threads)
    folder = out or new_run_path(recipe)
    uses = parsed_uses(use or [])
    request = TrainRequest(chosen, machine, folder, seed=seed, resume=resume, limit=limit, uses=uses)
    console = Console(quiet=not processes.is_first)
    try:
        run = run_training(request, split(load_training(data)), available_photographs(), console)
    except Interrupted as interrupted:
        raise Stopped(
            f"Stopped {interrupted.recipe} after {interrupted.epochs_done} whole epochs. Continue: the same "
            f"command with --out {folder} --resume."
        ) from interrupted
    if not run.artifact.is_dir():
        console.print(
            f"join it to a classifier: python -m training export RUN --photographs {folder}",
            highlight=False,
            soft_wrap=True,
        )
    if figures and processes.is_first:
        draw_run(run, data, console)
