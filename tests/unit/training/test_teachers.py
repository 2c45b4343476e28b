"""A released classifier teaches: it says what its whole network says, whatever its early exit lets go."""

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fashion.artifact import Artifact
from fashion.errors import InvalidValue
from tests.tiny_early_exit import tiny_early_exit
from tests.unit.training.test_halved import SETTINGS, built, certainties, pictures
from tests.unit.training.tiny_data import tiny_split
from training.recipes import RECIPES, find_recipe
from training.teachers import ReleasedTeacher, released_teacher

IMAGES = tiny_split().calibration.images[:31]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """One whose branch is sure of everything."""
    return tiny_early_exit(tmp_path_factory.mktemp("teachers") / "artifact", confidence=0.01)


def released(artifact: Artifact, folder: Path) -> str:
    """The artifact as a file of `folder`, by its name."""
    with tarfile.open(folder / "teacher.bentomodel", "w") as archive:
        archive.add(artifact.folder, arcname=".")
    return "teacher.bentomodel"


def test_it_says_what_the_second_half_says(artifact: Artifact) -> None:
    (maps,) = artifact.graphs["classifier"](IMAGES, outputs=["stem_maps"])
    (logits,) = artifact.graphs["deep_classifier"](maps, outputs=["logits"])

    found = ReleasedTeacher(artifact).logits(torch.tensor(IMAGES) / 255)

    torch.testing.assert_close(found, torch.from_numpy(logits))


def test_without_an_early_exit_it_says_what_its_only_graph_says(classifier_artifact: Artifact) -> None:
    (logits,) = classifier_artifact.graphs["classifier"](IMAGES, outputs=["logits"])

    found = ReleasedTeacher(classifier_artifact).logits(torch.tensor(IMAGES) / 255)

    torch.testing.assert_close(found, torch.from_numpy(logits))


def test_mixed_pictures_are_rounded_to_what_a_picture_holds(artifact: Artifact) -> None:
    teacher = ReleasedTeacher(artifact)
    mixed = torch.full((3, 28, 28), 100.4 / 255)

    torch.testing.assert_close(teacher.logits(mixed), teacher.logits(torch.full((3, 28, 28), 100 / 255)))


def test_one_picture_is_enough(artifact: Artifact) -> None:
    assert ReleasedTeacher(artifact).logits(torch.zeros(1, 28, 28)).shape == (1, 10)


def test_a_released_file_teaches(artifact: Artifact, tmp_path: Path) -> None:
    teacher = released_teacher(released(artifact, tmp_path), tmp_path)
    images = torch.tensor(IMAGES) / 255

    torch.testing.assert_close(teacher.logits(images), ReleasedTeacher(artifact).logits(images))


def test_every_teacher_that_a_recipe_names_is_in_the_repository() -> None:
    teachers = {getattr(find_recipe(name).system, "teacher", "") for name in RECIPES} - {""}

    assert teachers
    for teacher in teachers:
        assert released_teacher(teacher).logits(torch.tensor(IMAGES[:2]) / 255).shape == (2, 10)


def test_what_cannot_teach_is_refused(autoencoder_artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"There is no teacher none\.bentomodel"):
        released_teacher("none.bentomodel", tmp_path)
    with pytest.raises(InvalidValue, match="no classifier that could teach"):
        ReleasedTeacher(autoencoder_artifact)


def test_hard_pictures_are_learned_from_labels_and_teacher(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.teachers.TEACHERS", tmp_path)
    batch = pictures(60)
    middle = certainties(built(), batch).median().item()
    settings = replace(SETTINGS, sure=middle, easy_kept=0.0, branch_weight=0.5, label_smoothing=0.2)
    system = built(replace(settings, teacher=released(artifact, tmp_path), teachers_share=0.25))
    hard = certainties(system, batch) < middle
    hard[0] = True

    total = system.training_terms(batch, 0.0)["total"]

    taught = ReleasedTeacher(artifact).logits(batch.images).softmax(dim=1)
    with torch.no_grad():
        half = system.network.first(batch.images)
        deep = system.network.second(half.maps[hard]).logits.log_softmax(dim=1)
    branch = half.said.logits.log_softmax(dim=1)
    labels = 0.8 * batch.targets + 0.02
    lesson = 0.75 * labels[hard] + 0.25 * taught[hard]
    followed = labels.clone()
    followed[hard] = (lesson + deep.exp()) / 2
    expected = -(lesson * deep).sum(dim=1).mean() - 0.5 * (followed * branch).sum(dim=1).mean()
    torch.testing.assert_close(total, expected, rtol=1e-3, atol=1e-4)
