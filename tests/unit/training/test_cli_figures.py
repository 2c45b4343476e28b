"""The commands that show things, run as a user runs them, on tiny artifacts."""

import sys

import pytest

from fashion.labels import LABELS
from fashion.sheets import png_bytes
from tests.unit.training.tiny_data import stripes
from training.cli import main


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs `python -m training …` in an empty folder: gives the exit status, and what was printed where."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return end.code or 0, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


@pytest.fixture
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "bag.png"
    path.write_bytes(png_bytes(stripes(9).images[8]))
    return path


def test_classify_tells_the_label_and_saves_no_plots_unasked(command, classifier_artifact, picture, tmp_path):
    status, printed, _ = command("classify", picture, "--model", classifier_artifact.folder)

    assert status == 0
    assert any(label in printed for label in LABELS)
    assert list(tmp_path.iterdir()) == []


def test_classify_saves_every_plot_of_each_picture(command, classifier_artifact, picture, tmp_path):
    arguments = ("--model", classifier_artifact.folder, "--save-plots", "--plot-dir", "plots")
    status, printed, _ = command("classify", picture, *arguments)

    assert status == 0
    names = {path.stem for path in (tmp_path / "plots" / "bag").iterdir()}
    assert {"what-the-network-sees", "prediction", "class-activation-map"} <= names
    assert any(name.startswith("activations-") for name in names)
    assert "plots" in printed


def test_compare_prints_a_column_a_model(command, classifier_artifact, autoencoder_artifact, tmp_path):
    status, printed, _ = command("compare", classifier_artifact.folder, autoencoder_artifact.folder)

    assert status == 0
    assert "parameters" in printed
    assert (tmp_path / "comparison" / "comparison.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("classify", "{picture}", "--model", "{autoencoder}"), "a classifier is needed here"),
        (("classify", "/nowhere.png", "--model", "{classifier}"), "No such file or directory: /nowhere.png"),
        (("classify", "{text}", "--model", "{classifier}"), "notes.txt: expected a picture"),
        (("classify", "{picture}", "--model", "unheard"), "no version of unheard was published"),
        (("classify", "{picture}", "--prepare", "maybe"), "--prepare takes auto, photograph or none"),
        (("figures", "unheard"), "no version of unheard was published"),
        (("figures", "{classifier}", "--start", "2", "--end", "1"), "--start must be below --end"),
        (("figures", "{classifier}", "--data", "/nowhere"), "/nowhere"),
        (("cluster", "{classifier}"), "an autoencoder is needed here"),
        (("projector", "unheard"), "no version of unheard was published"),
        (("compare", "{classifier}"), "two models or more"),
        (("seeds", "--data", "/nowhere"), "/nowhere"),
    ],
)
def test_bad_use_ends_in_one_sentence_and_status_2_with_nothing_written(
    command, arguments, told, picture, classifier_artifact, autoencoder_artifact, tmp_path
):
    text = picture.with_name("notes.txt")
    text.write_text("no picture")
    named = {
        "picture": picture,
        "text": text,
        "classifier": classifier_artifact.folder,
        "autoencoder": autoencoder_artifact.folder,
    }

    status, _, error = command(*(argument.format(**named) for argument in arguments))

    assert status == 2
    assert told in " ".join(error.split())
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
