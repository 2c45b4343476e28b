from tests.tiny_artifacts import tiny_classifier
from training.compare import Compared, compared, comparison_figure, differing, rows
from training.figures.style import style


def test_models_are_told_with_their_figures_size_and_speed(classifier_artifact, autoencoder_artifact):
    models = [compared("one", classifier_artifact), compared("other", autoencoder_artifact)]
    told = dict(rows(models))

    assert told["test_accuracy"] == ["0.1", "-"]
    assert told["parameters"] == ["33", f"{autoencoder_artifact.manifest.num_parameters:,}"]
    assert all(float(value) > 0 for value in told["ms a picture, one thread"])
    assert all(float(value) > 0 for value in told["size, KiB"])
    with style():
        assert comparison_figure(models).get_suptitle()


def test_settings_that_are_the_same_are_left_out(classifier_artifact, tmp_path):
    other = compared("other", tiny_classifier(tmp_path / "other", seed=3))

    assert differing([compared("one", classifier_artifact), other]) == ["seed"]


def test_a_setting_that_only_one_model_has_differs():
    def model(**settings):
        return Compared("any", "classifier", {}, settings, 1, 1, 1.0)

    assert differing([model(width=1, depth=2), model(width=1)]) == ["depth"]
    assert dict(rows([model(width=1, depth=2), model(width=1)]))["depth"] == ["2", "-"]
