"""Chainrule: type PyTorch, watch autograd think.

The data takes one road, and the packages are its stations::

    snippet (text) -> sandbox (a locked process) -> trace (what torch did)
        -> wire (messages) -> runs (the life of a run) -> routes (HTTP) -> the page

Imports go one way: ``app -> routes -> runs -> {snippet, sandbox, render} -> wire -> schema -> errors``.
``trace`` runs inside the sandbox and is imported by nobody but the zygote; only ``trace`` imports torch,
only ``render`` imports graphviz, only ``settings`` reads the environment. import-linter holds this.
"""

__version__ = "0.1.0"
