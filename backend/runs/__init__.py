"""The life of a run: asked for, queued, done in the sandbox, watched, kept a while.

::

    Runs                          what the routes call
      RunBus (bus, embedded)      who waits, and each run's numbered messages
        log, viewing              what is kept of a run; what a viewer gets of it
      Workers (worker)            claim, sandbox, check, publish
      telling                     a delivery -> the bytes that a viewer is sent
      verdict, endings            how it ended
"""

from backend.runs.runs import Answer, Runs

__all__ = ["Answer", "Runs"]
