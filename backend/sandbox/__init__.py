"""Runs a job in a locked process: job bytes in, frames out, and an outcome. Knows nothing of torch.

::

    server                                            no torch, no learner's code
      sandbox, run, pool, selftest                    what the rest of the server uses
      zygote_process, child_process                   the processes as seen from outside
        └ exec, empty environment: zygote             entry: everything imported, one thread, no secret
            └ fork: child                             lockdown (policy, bpf, landlock), stopping, sender
                                                      one job, then the end
"""

from backend.sandbox.limits import Limits
from backend.sandbox.outcome import Outcome
from backend.sandbox.run import Run
from backend.sandbox.sandbox import Sandbox

__all__ = ["Limits", "Outcome", "Run", "Sandbox"]
