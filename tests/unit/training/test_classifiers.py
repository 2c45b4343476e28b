import pytest
import torch

from training.augmentation import plain
from training.classifying import ClassifierSettings
from training.networks.classifiers import (
    PIXEL_DEVIATION,
    PIXEL_MEAN,
    ConvolutionBlock,
    Explainer,
    ResidualClassifier,
    ResidualSettings,
    folded,
    num_parameters,
)
from training.recipes import find_recipe

IMAGES = torch.rand((5, 28, 28), generator=torch.Generator().manual_seed(0))


def network(**settings):
    torch.manual_seed(0)
    made = ResidualClassifier(ResidualSettings(width=2, **settings))
    with torch.no_grad():
        for _ in range(3):
            made(IMAGES)  # norms learn statistics that differ from their initial ones
    return made.eval()


@pytest.mark.parametrize("downsampling", ["pool", "stride"])
@pytest.mark.parametrize(("doublings", "side"), [(1, 14), (2, 7), (3, 4)])
def test_each_doubling_halves_the_maps(doublings, side, downsampling):
    if downsampling == "pool" and doublings == 3:
        side = 3  # a pool drops the odd row
    answer = network(doublings=doublings, downsampling=downsampling)(IMAGES)

    assert answer.logits.shape == (5, 10)
    assert answer.features.shape == (5, 2 * 2**doublings)
    assert answer.feature_maps.shape == (5, 2 * 2**doublings, side, side)


def test_blocks_may_be_narrower_inside():
    wide, narrow = network(), network(inner=(1, 3))

    assert num_parameters(wide) - num_parameters(narrow) == (3 * 2 * 9 * 4 + 3 * 2) + (5 * 2 * 9 * 8 + 5 * 2)
    assert narrow(IMAGES).feature_maps.shape == wide(IMAGES).feature_maps.shape
    with pytest.raises(ValueError, match="1 stages, and there are 2"):
        ResidualSettings(inner=(1,))


def test_a_batch_of_one_equals_a_row_of_many():
    made = network()

    torch.testing.assert_close(made(IMAGES[:1]).logits, made(IMAGES).logits[:1])


def test_folding_norms_into_convolutions_changes_no_answer():
    made = network()
    small = folded(made)

    for ours, theirs in zip(small(IMAGES), made(IMAGES), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert not [layer for layer in small.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert [layer for layer in made.modules() if isinstance(layer, torch.nn.BatchNorm2d)]


def test_class_activation_maps_add_up_to_the_logits():
    made = network()
    answer = made(IMAGES)

    maps = Explainer(made.head)(answer.feature_maps)

    torch.testing.assert_close(maps.mean(dim=(2, 3)) + made.head.bias, answer.logits)


def test_the_network_normalises_by_itself():
    made = network()
    average = torch.full((1, 28, 28), PIXEL_MEAN)
    seen = []
    made.body[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    made(average)
    made(average + PIXEL_DEVIATION)

    torch.testing.assert_close(seen[0].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen[1].mean(), torch.tensor(1.0))


@torch.no_grad()
def test_label_smoothing_is_taught_but_not_measured():
    batch = plain((IMAGES * 255).to(torch.uint8), torch.arange(5))
    sharp, smooth = (
        ClassifierSettings(ResidualSettings(width=2), label_smoothing=share).build().eval()
        for share in (0.0, 0.5)
    )
    smooth.load_state_dict(sharp.state_dict())

    assert sharp.training_terms(batch, 0)["total"] != smooth.training_terms(batch, 0)["total"]
    assert sharp.validation_terms(batch)["total"] == smooth.validation_terms(batch)["total"]


def test_the_released_network_keeps_to_its_million_parameters():
    assert num_parameters(find_recipe("classifier-four-courses").system.build()) <= 1_000_000


@torch.no_grad()
def test_a_block_ends_with_what_is_not_negative():
    assert float(ConvolutionBlock(1, 4)(IMAGES[:, None]).min()) == 0
