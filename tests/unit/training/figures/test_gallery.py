"""Every figure, drawn from tiny models: that it is there, whole, and says what it shows."""

import json
import resource
from contextlib import contextmanager

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.errors import DamagedArtifact
from fashion.labels import LABELS
from tests.tiny_artifacts import tiny_autoencoder
from tests.unit.training.tiny_data import stripes
from training.figures import gallery
from training.figures.latents import plane_through
from training.figures.layers import layers_of
from training.figures.style import FORMATS, save, style
from training.released_files import RELEASES, opened_release

HISTORY = [
    {"epoch": 1.0, "seconds": 1.0, "learning_rate": 0.1, "train/total": 2.0, "validation/total": 2.1},
    {"epoch": 2.0, "seconds": 2.0, "learning_rate": 0.0, "train/total": 1.0, "validation/total": 1.5},
]
OF_EVERY_MODEL = {"dataset-samples", "model-structure", "loss-curves", "what-the-network-sees"}
OF_A_CLASSIFIER = {
    "confusion-matrix",
    "accuracy-by-label",
    "reliability",
    "predictions",
    "class-activation-maps",
    "activations-pooled-and-dense",
}
OF_AN_AUTOENCODER = {
    "latent-manifold",
    "latent-scatter",
    "decoded-grid",
    "reconstructions",
    "interpolations",
    "samples",
    "samples-by-label",
}


@pytest.fixture(scope="module")
def shown():
    return stripes(100)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "history.json"
    path.write_text(json.dumps(HISTORY))
    return path


@pytest.fixture(scope="module", params=["classifier", "autoencoder"])
def drawn(request, shown, history):
    """Every figure of a tiny model, by name."""
    artifact = request.getfixturevalue(f"{request.param}_artifact")
    options = gallery.Options(grid=5)
    with style():
        return request.param, dict(gallery._figures(artifact, shown, "test pictures", history, options))


def test_every_figure_of_a_kind_of_model_is_drawn(drawn):
    kind, figures = drawn
    wanted = OF_EVERY_MODEL | (OF_A_CLASSIFIER if kind == "classifier" else OF_AN_AUTOENCODER)

    assert wanted <= figures.keys()
    if kind == "classifier":
        assert any(name.startswith("activations-0") for name in figures)


def test_nothing_sticks_out_of_any_figure(drawn):
    _, figures = drawn
    for name, figure in figures.items():
        canvas = FigureCanvasAgg(figure)
        with style():
            canvas.draw()
        width, height = figure.get_size_inches()
        box = figure.get_tightbbox()
        assert box.x0 > -0.05, name
        assert box.y0 > -0.05, name
        assert box.x1 < width + 0.05, name
        assert box.y1 < height + 0.05, name


def test_every_figure_has_a_title(drawn):
    _, figures = drawn

    assert all(figure.get_suptitle() for figure in figures.values())


def test_the_scatter_has_a_legend_of_every_label(drawn):
    kind, figures = drawn
    if kind == "autoencoder":
        (legend,) = figures["latent-scatter"].legends
        assert tuple(text.get_text() for text in legend.get_texts()) == LABELS


def test_loss_curves_show_training_beside_validation_with_units(drawn):
    _, figures = drawn
    panel = figures["loss-curves"].axes[0]

    assert [line.get_label() for line in panel.lines] == ["train", "validation"]
    assert panel.get_xlabel() == "epoch"
    assert panel.get_ylabel()


def test_a_figure_is_written_as_png_and_svg_the_same_each_time(drawn, tmp_path):
    _, figures = drawn
    with style():
        first = save(figures["loss-curves"], tmp_path / "a", "curves")
        second = save(figures["loss-curves"], tmp_path / "b", "curves")

    assert [path.suffix[1:] for path in first] == list(FORMATS)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with Image.open(first[0]) as picture:
        assert picture.size[0] > 300
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["curves.png", "curves.svg"]


@contextmanager
def almost_full():
    """No file may grow beyond 1,000 bytes: writing more fails as on a full disk.

    A context, not a fixture: pytest's own report may be a file too, and grows as soon as the test has ended.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_figure_that_cannot_be_written_leaves_nothing_behind(drawn, tmp_path):
    _, figures = drawn

    with pytest.raises(OSError, match="File too large"), almost_full():
        save(figures["loss-curves"], tmp_path, "curves")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_history_is_told_in_a_sentence(classifier_artifact, shown, tmp_path):
    (tmp_path / "history.json").write_text("[{")

    with pytest.raises(DamagedArtifact, match="is damaged"):
        gallery.write_figures(
            classifier_artifact, shown, "pictures", tmp_path / "figures", history=tmp_path / "history.json"
        )


def test_the_layers_of_a_graph_end_in_what_the_engine_answers(classifier_artifact):
    images = stripes(2).images
    layers = layers_of(classifier_artifact, "classifier", images)
    logits = Classifier(classifier_artifact).artifact.graphs["classifier"](images)[0]

    assert np.allclose(layers[-1].value, logits, atol=1e-5)
    assert layers[0].sources == (-1,)


def test_a_plane_of_many_dimensions_is_named_and_its_points_are_found_again():
    latents = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32) * [3, 2, 1, 1, 1]
    plane = plane_through(latents.astype(np.float32))
    points = np.array([[0.5, -1.0], [2.0, 3.0]], dtype=np.float32)

    assert "principal components" in plane.name
    assert np.allclose(plane.coordinates(plane.latents(points)), points, atol=1e-5)
    assert np.allclose(plane.coordinates(latents.astype(np.float32)).std(axis=0), 1, atol=0.02)


def test_a_plane_of_two_dimensions_is_the_latent_space_itself():
    latents = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)

    assert np.array_equal(plane_through(latents).coordinates(latents), latents)


def test_a_model_without_a_prior_is_drawn_without_samples(tmp_path, shown):
    artifact = tiny_autoencoder(tmp_path / "plain", variational=False)
    with style():
        figures = dict(
            gallery.autoencoder_figures(Autoencoder(artifact), shown, "pictures", gallery.Options(grid=3))
        )

    assert ("samples" in figures) == (artifact.manifest.prior.kind != "none")
    assert "latent-manifold" in figures


@pytest.mark.parametrize("graph", ["classifier", "photograph_classifier"])
def test_weights_in_integers_and_in_halves_are_no_ways_from_the_input(graph):
    (release,) = RELEASES.glob("fashion-classifier-*")
    with opened_release(release) as artifact:
        (tensor,) = artifact.manifest.graphs[graph].inputs
        blank = np.zeros((1, *(int(size) for size in tensor.shape[1:])), tensor.dtype)

        layers = layers_of(artifact, graph, blank)

    assert [-1 in layer.sources for layer in layers] == [True] + [False] * (len(layers) - 1)
    assert all(layer.num_parameters for layer in layers if layer.operator in ("Conv", "Gemm"))
