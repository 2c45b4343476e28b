"""Branches of exported graphs: each holds its own weights, and computes what it did."""

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from training.branches import branches_of, weigh_branches
from training.export import export_graph
from training.systems import ExportGraph


class Halves(nn.Module):
    """One linear layer for batches with a positive sum, another for the rest, and one for all."""

    def __init__(self) -> None:
        super().__init__()
        self.above, self.below, self.always = (nn.Linear(3, 3) for _ in range(3))

    def forward(self, values: Tensor) -> Tensor:
        """(batch, 3) to the same shape."""
        chosen: Tensor = torch.cond(values.sum() > 0, self.above, self.below, (values,))
        always: Tensor = self.always(chosen)
        return always


def exported() -> tuple[onnx.ModelProto, Halves]:
    torch.manual_seed(0)
    module = Halves().eval()
    graph = ExportGraph("halves", module, (torch.ones(2, 3),), ("values",), ("answers",))
    return onnx.load_from_string(export_graph(graph).content), module


def test_what_only_a_branch_uses_lies_in_it() -> None:
    model, _ = exported()
    names = [{each.name for each in branch.initializer} for branch in branches_of(model.graph)]
    assert sorted(len(own) for own in names) == [2, 2]
    assert not set.intersection(*names)
    assert any("always" in each.name for each in model.graph.initializer)


def test_both_branches_compute_what_torch_does() -> None:
    model, module = exported()
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for values in (np.ones((4, 3), np.float32), -np.ones((1, 3), np.float32)):
        (found,) = session.run(None, {"values": values})
        chosen = module.above if values.sum() > 0 else module.below
        wanted = module.always(chosen(torch.tensor(values))).detach().numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_second_time_changes_nothing() -> None:
    model, _ = exported()
    before = model.SerializeToString(deterministic=True)
    weigh_branches(model)
    assert model.SerializeToString(deterministic=True) == before


def test_branches_tell_nothing_of_the_machine_that_exported_them() -> None:
    model, _ = exported()
    nodes = [node for graph in (model.graph, *branches_of(model.graph)) for node in graph.node]
    assert not any(node.metadata_props or node.doc_string for node in nodes)
