"""The life of a run: a place, the sandbox, the messages, the answer."""

from backend.runs.runs import Answer, Runs

__all__ = ["Answer", "Runs"]
