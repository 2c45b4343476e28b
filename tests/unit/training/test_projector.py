import io

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from fashion.errors import InvalidValue
from fashion.labels import LABELS
from tests.unit.training.tiny_data import stripes
from training.projections import CUSTOM_AXES, custom_axes, neighbours, principal_components
from training.projector import CONFIG_FILE, METADATA_FILE, SPRITE_FILE, export_projector, sprite

COUNT = 40


@pytest.fixture(scope="module")
def exported(classifier_artifact, autoencoder_artifact, tmp_path_factory):
    """Both kinds of model in one projector."""
    folder = tmp_path_factory.mktemp("projector") / "out"
    figures = export_projector([classifier_artifact, autoencoder_artifact], stripes(COUNT), folder)
    return folder, figures


def config_of(folder):
    return text_format.Parse((folder / CONFIG_FILE).read_text(), ProjectorConfig())


def test_every_tensor_of_the_config_is_there_with_its_shape(exported):
    folder, _ = exported
    names = set()
    for embedding in config_of(folder).embeddings:
        values = np.loadtxt(folder / embedding.tensor_path, delimiter="\t", ndmin=2)
        assert list(values.shape) == list(embedding.tensor_shape)
        assert len(values) == COUNT
        names.add(embedding.tensor_name)

    assert {"fashion-classifier-embedding", "fashion-vae-latent", "pixels"} <= names
    assert {"fashion-vae-latent-pca", "fashion-vae-latent-t-sne", "fashion-vae-latent-custom-axes"} <= names


def test_metadata_has_a_line_a_picture_with_what_the_classifier_says(exported):
    header, *lines = (exported[0] / METADATA_FILE).read_text().splitlines()

    assert header.split("\t") == ["index", "label", "predicted", "probability"]
    assert len(lines) == COUNT
    index, label, predicted, probability = lines[7].split("\t")
    assert (int(index), label) == (7, LABELS[7])
    assert predicted in LABELS
    assert 0 < float(probability) <= 1


def test_the_sprite_holds_the_pictures_row_by_row(exported):
    images = stripes(COUNT).images
    picture = np.asarray(Image.open(io.BytesIO((exported[0] / SPRITE_FILE).read_bytes())))

    columns = 7
    assert picture.shape == (6 * 28, columns * 28)
    assert np.array_equal(picture[28:56, 2 * 28 : 3 * 28], images[columns + 2])
    last = np.asarray(Image.open(io.BytesIO(sprite(images[:3], 2))))
    assert last[28:, 28:].sum() == 0


def test_projections_are_drawn_as_well(exported):
    _, figures = exported

    assert len(figures) == 2 * 2 * 3
    assert all(path.is_file() for path in figures)


def test_a_folder_that_holds_a_projector_is_left_alone(exported, classifier_artifact):
    folder, _ = exported
    before = sorted(path.stat().st_mtime_ns for path in folder.iterdir())

    with pytest.raises(InvalidValue, match="holds a projector already"):
        export_projector([classifier_artifact], stripes(COUNT), folder)
    assert sorted(path.stat().st_mtime_ns for path in folder.iterdir()) == before


def test_custom_axes_put_the_mean_of_each_label_at_one_end():
    random = np.random.default_rng(0)
    labels = np.arange(100) % len(LABELS)
    vectors = random.normal(size=(100, 6)).astype(np.float32)
    points = custom_axes(vectors, labels, "vectors").points

    for axis, ends in enumerate(CUSTOM_AXES):
        for name, place in zip(ends, (-1, 1), strict=True):
            assert points[labels == LABELS.index(name), axis].mean() == pytest.approx(place, abs=1e-4)


def test_the_first_principal_component_varies_most():
    vectors = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    vectors[:, 1] *= 5
    vectors[:, 3] *= 2
    projection = principal_components(vectors, "vectors")

    assert projection.points.shape == (60, 3)
    assert list(projection.points.std(axis=0)) == sorted(projection.points.std(axis=0), reverse=True)


def test_neighbours_that_are_far_too_few_are_refused_in_a_sentence():
    with pytest.raises(InvalidValue, match="4 pictures or more"):
        neighbours(np.zeros((3, 5), np.float32), "vectors")
