"""The `report` command: every released model on the test split.

An autoencoder is measured with the released classifier and with the judge, and beside an older system: the
same figures of the same pictures.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.errors import InvalidValue
from training.dataset import Dataset, load_test, load_training
from training.evaluate_autoencoder import Witnesses, evaluate_autoencoder
from training.evaluating import evaluate_artifact
from training.judging import released_judge
from training.recipes.classifiers import RELEASED_AS as CLASSIFIER
from training.recipes.vae import RELEASED_AS as AUTOENCODER
from training.released_files import RELEASE_SUFFIX, RELEASES
from training.report import Report, Table
from training.targets import opened, opened_classifier


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to report on, and with what."""

    releases: Path = RELEASES
    out: Path = Path("report")
    data: Path | None = None
    beside: str | None = None
    """Another autoencoder, whose figures stand beside those of the released one."""
    judge: str | None = None
    """The judge; None: the one in the repository."""
    importance_pictures: int = 100


def report_releases(request: ReportRequest, console: Console) -> list[Report]:
    """Measure, write and show every model in the folder; raises InvalidValue where it holds none."""
    files = sorted(request.releases.glob(f"*{RELEASE_SUFFIX}"))
    if not files:
        raise InvalidValue(
            f"{request.releases} holds no {RELEASE_SUFFIX} file to report on.", field="--releases"
        )
    test = load_test(request.data)
    made = []
    with _witnesses(request, files) as witnesses:
        for file in files:
            with opened(str(file)) as artifact:
                report = _report(artifact, test, witnesses, request)
            report.write(request.out / file.stem)
            report.show(console)
            made.append(report)
    console.print(f"reports: {request.out}", highlight=False, soft_wrap=True)
    return made


@contextmanager
def _witnesses(request: ReportRequest, files: list[Path]) -> Iterator[Witnesses]:
    classifiers = [str(file) for file in files if file.name.startswith(f"{CLASSIFIER}-")]
    with (
        opened_classifier(classifiers[0] if classifiers else None) as classifier,
        opened_classifier(request.judge or str(released_judge())) as judge,
    ):
        training = load_training(request.data)
        yield Witnesses(training, classifier, judge, request.importance_pictures)


def _report(artifact: Artifact, test: Dataset, witnesses: Witnesses, request: ReportRequest) -> Report:
    made = evaluate_artifact(artifact, "test", test, witnesses)
    if artifact.manifest.name != AUTOENCODER or request.beside is None:
        return made
    with opened(request.beside) as other:
        return replace(made, tables=[*made.tables, _beside(made, artifact, other, test, witnesses)])


def _beside(made: Report, artifact: Artifact, other: Artifact, test: Dataset, witnesses: Witnesses) -> Table:
    figures = evaluate_autoencoder(Autoencoder(other), test, "test", witnesses).figures
    rows = [(name, value, figures.get(name, "")) for name, value in made.figures.items()]
    note = f"{other.manifest.name}: {other.manifest.description}, trained here, seed {other.manifest.seed}."
    return Table(
        f"Beside {other.manifest.name}", ("figure", artifact.manifest.name, other.manifest.name), rows, note
    )
