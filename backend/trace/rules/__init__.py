"""The chain rule of each op, for each input: as an expression, in words and in LaTeX.

The rules are those of torch's own `derivatives.yaml` (in the wheel: torchgen/packaged/autograd/derivatives.yaml). Each
is written as torch code in torch's names: `grad * other`. That one expression is what the page fills with numbers, what
the LaTeX is made from, and what a test evaluates and holds against the gradient that autograd computed.
"""

from backend.trace.rules.applying import derivatives, input_names, summed

__all__ = ["derivatives", "input_names", "summed"]
