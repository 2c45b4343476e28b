"""Branches of an exported graph: each gets the weights that it computes with.

torch exports what a branch (`torch.cond`) captures as initializers of the graph around it. There ONNX Runtime
takes them for something that may change, and neither folds nor packs them: decoding took a third longer.
"""

from collections.abc import Iterator

import onnx


def branches_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graphs of all branches in a graph, those inside them included."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
                yield from branches_of(attribute.g)


def weigh_branches(model: onnx.ModelProto) -> None:
    """Copy the initializers that branches use into them, and keep outside only what is used there."""
    graph = model.graph
    outside = _used(graph) | {output.name for output in graph.output}
    initializers = list(graph.initializer)
    for branch in branches_of(graph):
        used = _used(branch) - outside
        branch.initializer.extend(each for each in initializers if each.name in used)
    del graph.initializer[:]
    graph.initializer.extend(each for each in initializers if each.name in outside)


def _used(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node for name in node.input}
