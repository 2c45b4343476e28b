"""Structured pruning: a smaller network begins with the channels of a larger, trained one that matter most.

How much a channel matters is told by what its absence would do to the loss, to first order: the sum over its
positions of activation times gradient, squared, and averaged over pictures (Theis et al. 2018,
arXiv:1801.05787; Molchanov et al. 2019, arXiv:1906.10771). Channels that a residual block adds to what went
in are one channel, made by two layers. After so coarse a cut the network has to be trained again;
docs/decisions/0336 tells what was measured.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.errors import InvalidValue
from training.networks.classifiers import ConvolutionBlock, ResidualBlock, ResidualClassifier
from training.systems import Batch

_IMAGE: Final = -1


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution block, and which channels it takes and makes, by the number of their group."""

    block: ConvolutionBlock
    takes: int
    makes: int

    @property
    def num_channels(self) -> int:
        """How many it makes."""
        return len(self.block.state_dict()["0.weight"])


def prune(trained: ResidualClassifier, network: ResidualClassifier, pictures: Iterable[Batch]) -> None:
    """Give `network` the weights of those channels of `trained` that matter most on labelled pictures.

    Both have the same layers; `trained` is in evaluation mode. Raises InvalidValue where the layers differ,
    or `network` has more channels somewhere.
    """
    theirs, ours = list(_layers(trained)), list(_layers(network))
    if [(layer.takes, layer.makes) for layer in theirs] != [(layer.takes, layer.makes) for layer in ours]:
        raise InvalidValue("A network is pruned to one of as many stages, not of others.", field="network")
    room, available = ({layer.makes: layer.num_channels for layer in layers} for layers in (ours, theirs))
    if any(room[group] > available[group] for group in room):
        raise InvalidValue(
            f"A network is pruned to fewer channels, not from {[*available.values()]} to {[*room.values()]}.",
            field="network",
        )
    kept = {_IMAGE: torch.tensor([0])}
    for group, importance in _importance(trained, theirs, pictures).items():
        kept[group] = importance.topk(room[group]).indices.sort().values
    for source, target in zip(theirs, ours, strict=True):
        _copy_channels(source.block, target.block, kept[source.takes], kept[source.makes])
    with torch.no_grad():
        network.head.weight.copy_(trained.head.weight[:, kept[ours[-1].makes]])
        network.head.bias.copy_(trained.head.bias)


def _copy_channels(source: ConvolutionBlock, target: ConvolutionBlock, taken: Tensor, made: Tensor) -> None:
    def part(value: Tensor) -> Tensor:
        return value if value.ndim == 0 else value[made] if value.ndim == 1 else value[made][:, taken]

    target.load_state_dict({name: part(value) for name, value in source.state_dict().items()})


def _layers(network: ResidualClassifier) -> Iterator[_Layer]:
    """Every convolution block from the image on; the last one makes what is pooled."""
    groups, current = 0, _IMAGE
    for layer in network.body:
        if isinstance(layer, ConvolutionBlock):
            yield _Layer(layer, current, groups)
            groups, current = groups + 1, groups
        elif isinstance(layer, ResidualBlock):
            inner, outer = (block for block in layer.change if isinstance(block, ConvolutionBlock))
            yield _Layer(inner, current, groups)
            yield _Layer(outer, groups, current)
            groups += 1


def _importance(
    network: ResidualClassifier, layers: Sequence[_Layer], pictures: Iterable[Batch]
) -> dict[int, Tensor]:
    """For each group of channels, how much each of them matters: (channels,)."""
    made: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Tensor) -> None:
        made.append(output)

    hooks = [layer.block.register_forward_hook(keep) for layer in layers]
    totals: dict[int, Tensor] = {}
    try:
        with torch.enable_grad():
            for batch in pictures:
                made.clear()
                logits = network(batch.images.detach().requires_grad_()).logits
                loss = functional.cross_entropy(logits, batch.targets, reduction="sum")
                effects: dict[int, list[Tensor]] = {}
                for layer, maps, slopes in zip(layers, made, torch.autograd.grad(loss, made), strict=True):
                    effects.setdefault(layer.makes, []).append((maps.detach() * slopes).sum(dim=(2, 3)))
                for group, parts in effects.items():
                    squares = torch.stack(parts).sum(dim=0).square().sum(dim=0)
                    totals[group] = totals.get(group, torch.zeros_like(squares)) + squares
    finally:
        for hook in hooks:
            hook.remove()
    return totals
