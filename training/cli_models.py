"""`export`, `calibrate`, `evaluate`, `report`, and the store: `publish`, `promote`, `rollback`, `release`.

As in `cli_training.py`, commands import what they run when they run.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from fashion.errors import InvalidValue
from training.cli_training import DataOption

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="Run folder, artifact folder, .bentomodel file, or tag of the store."
    ),
]
ClassifierOption = Annotated[
    str | None,
    typer.Option(metavar="TARGET", help="A classifier that is shown what an autoencoder draws by label."),
]
JudgeOption = Annotated[
    str | None,
    typer.Option(
        metavar="TARGET",
        help="The judge that samples are compared with real pictures by. [report: the released]",
    ),
]
ImportanceOption = Annotated[
    int,
    typer.Option(
        min=0, help="Pictures that 5,000 latents each are drawn for, for the tighter bound; 0: none."
    ),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, or the folder of an artifact.")]


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (export, calibrate, evaluate, report, publish, promote, rollback, release):
        app.command(command.__name__)(command)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    photographs: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Run of `photograph-classifier`, or an artifact, a released file or NAME:VERSION, whose "
            "network is to answer for photographs. [default: the one that was trained with RUN, if any]",
        ),
    ] = None,
    quantise: Annotated[
        bool | None,
        typer.Option(
            help="Compute in eight-bit integers, whatever that costs, or never. "
            "[default: as the recipe says, where it costs at most 0.05 point on pictures never trained on]"
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write the best weights of a run as a complete artifact, in place of the one it has. (`train` ends with
    this.)"""
    from training.dataset import load_training
    from training.finishing import available_photographs, finish
    from training.runs import RunFolder
    from training.splits import split
    from training.targets import opened_photographs

    folder = RunFolder(run)
    folder.read_settings()
    parts = split(load_training(data))
    with opened_photographs(photographs) as joined:
        finish(folder, parts, available_photographs(), Console(), joined=joined, integers=quantise)


def calibrate(run: RunArgument, data: DataOption = None) -> None:
    """Fit probabilities, prediction sets and novelty again; with FASHION_PHOTOS_DIR set, for photographs as
    well."""
    from training.calibrate import calibrate as fit
    from training.dataset import load_training
    from training.finishing import available_photographs
    from training.sources import parts_of_artifact
    from training.splits import split
    from training.targets import own_artifact

    artifact = own_artifact(run)
    fit(artifact, parts_of_artifact(artifact, split(load_training(data))), available_photographs(), Console())


def evaluate(
    target: TargetArgument,
    on: Annotated[str, typer.Option("--split", help="test or validation.")] = "test",
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the report. [default: report/ beside the artifact, or report/NAME]"),
    ] = None,
    classifier: ClassifierOption = None,
    judge: JudgeOption = None,
    importance_pictures: ImportanceOption = 0,
) -> None:
    """Measure an artifact in the serving engine, and write a report as JSON and Markdown.

    The figures of a run's artifact also go into its manifest, for `publish` to carry along.
    """
    from training.evaluate_autoencoder import Witnesses
    from training.evaluating import evaluate_target
    from training.targets import opened_classifier

    if on not in ("test", "validation"):
        raise InvalidValue(f"--split takes test or validation, not {on!r}.", field="--split")
    chosen: Literal["test", "validation"] = "validation" if on == "validation" else "test"
    with opened_classifier(classifier) as shown, opened_classifier(judge) as judging:
        witnesses = Witnesses(None, shown, judging, importance_pictures)
        evaluate_target(target, chosen, data, out, Console(), witnesses=witnesses)


def report(
    releases: Annotated[Path | None, typer.Option(help="Folder of the released files.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("report"),
    beside: Annotated[
        str | None,
        typer.Option(metavar="TARGET", help="Another autoencoder, to stand beside the released one."),
    ] = None,
    judge: JudgeOption = None,
    importance_pictures: ImportanceOption = 100,
    data: DataOption = None,
) -> None:
    """Measure the released models on the test split, beside what they are held to."""
    from training.released_files import RELEASES
    from training.reporting import ReportRequest, report_releases

    request = ReportRequest(releases or RELEASES, out, data, beside, judge, importance_pictures)
    report_releases(request, Console())


def publish(run: RunArgument) -> None:
    """Put the artifact of a run into the BentoML store, as a version that never changes."""
    from training.store import publish as put
    from training.targets import own_artifact

    tag = put(own_artifact(run))
    Console().print(f"published {tag}; serve it with: python -m training promote {tag}", soft_wrap=True)


def promote(
    tag: Annotated[str, typer.Argument(help="NAME:VERSION")],
    candidate: Annotated[
        bool, typer.Option("--candidate", help="Move `candidate` rather than `stable`.")
    ] = False,
) -> None:
    """Let `stable` name this version; a running service follows without a restart."""
    from training.store import promote as move

    alias: Literal["stable", "candidate"] = "candidate" if candidate else "stable"
    Console().print(f"{alias} is now {move(tag, alias)}", soft_wrap=True)


def rollback(name: Annotated[str, typer.Argument(help="The model's name, without a version.")]) -> None:
    """Let `stable` name the version before."""
    from training.store import rollback as move

    Console().print(f"stable is now {move(name)}", soft_wrap=True)


def release(
    tag: Annotated[str, typer.Argument(help="NAME, for its stable version, or NAME:VERSION")],
    folder: Annotated[Path | None, typer.Option(help="[default: releases/ of the checkout]")] = None,
) -> None:
    """Export a stored version to releases/, in place of that model's earlier release, and its model card to
    docs/."""
    from training.released_files import RELEASES
    from training.store import copy_card
    from training.store import release as write

    Console().print(f"wrote {write(tag, folder or RELEASES)}", soft_wrap=True)
    if folder is None and (card := copy_card(tag)):
        Console().print(f"wrote {card}", soft_wrap=True)
