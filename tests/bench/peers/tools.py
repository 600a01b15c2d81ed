"""What each tool is asked to do: to look at one forward and backward pass, and give what it can."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import torch

GIVES: Final = {
    "chainrule": "values and gradients of every op and edge, names and lines, as messages",
    "torchlens": "values of every op and gradients of its output",
    "torchview": "modules and shapes; no backward, no values, no gradients",
    "torchviz": "autograd's nodes and saved tensors; no values, no gradients",
}


def plain(model: torch.nn.Module, arguments: list[Any]) -> None:
    """Forward and backward, nobody looks."""
    model(*arguments).backward()


def torchviz(model: torch.nn.Module, arguments: list[Any]) -> None:
    """The picture of autograd's graph as DOT, then backward."""
    loss = model(*arguments)
    module: Any = import_module("torchviz")
    assert module.make_dot(loss, params=dict(model.named_parameters()), show_saved=True).source
    loss.backward()


def torchview(model: torch.nn.Module, arguments: list[Any]) -> None:
    """The picture of the modules and functions as DOT. It has no loss to call backward on."""
    module: Any = import_module("torchview")
    graph = module.draw_graph(model, input_data=arguments, depth=10, expand_nested=True, device="cpu", mode="train")
    assert graph.visual_graph.source


def torchlens(model: torch.nn.Module, arguments: list[Any]) -> None:
    """All values forward, then all gradients."""
    module, options = import_module("torchlens"), import_module("torchlens.options")
    trace: Any = module.trace(model, arguments, capture=options.CaptureOptions(save_grads="all"))
    trace.log_backward(next(layer for layer in trace.layers if layer.is_output).out)
    assert any(layer.has_grad for layer in trace.layers)


TOOLS: Final[dict[str, Callable[[torch.nn.Module, list[Any]], None]]] = {
    "torchlens": torchlens,
    "torchview": torchview,
    "torchviz": torchviz,
}
