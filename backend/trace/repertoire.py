"""What has been learned of the steps of each loop, so that the next ones need only be followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from backend.trace.following import Following
from backend.trace.layouts import layouts
from backend.trace.pattern import pattern
from backend.trace.recorder import Recorder
from backend.trace.records import Step
from backend.trace.rehearsing import Rehearsal
from backend.trace.source import learner_site
from backend.trace.summary import Summaries
from backend.trace.watching import Watching, put_on, take_off

MISSES: Final = 8
"""So many iterations of a loop may be unlike what was heard, and one more for each `HITS` that were like it."""

HITS: Final = 16

PAUSE: Final = 4
"""After one that was not, so many are recorded before the next is heard: what they do is told as well."""


class Repertoire:
    """By loop, what its iterations do."""

    def __init__(self, recorder: Recorder, modes: Watching) -> None:
        self._recorder, self._modes = recorder, modes
        self.rehearsal: Rehearsal | None = None
        """Hears the iteration that is under way."""
        self._heard: tuple[int, Rehearsal] | None = None
        """A loop, and one of its iterations that was heard, until its step is told."""
        self._known: dict[int, Following] = {}
        self._misses: dict[int, int] = {}
        self._hits: dict[int, int] = {}
        self._pauses: dict[int, int] = {}

    def of(self, loop: int) -> Following | None:
        """What follows the steps of that loop, if they are known."""
        return self._known.get(loop)

    def rehearse(self, loop: int) -> None:
        """An iteration of the loop begins, and is recorded. Hear what it does, if that is not known."""
        recorder, pause = self._recorder, self._pauses.get(loop, 0)
        if pause:
            self._pauses[loop] = pause - 1
            return
        if loop in self._known or self._misses.get(loop, 0) >= MISSES + self._hits.get(loop, 0) // HITS:
            return
        free = self.rehearsal is None and self._heard is None and self._modes.alone()
        if free and not (recorder.subclasses or recorder.hooked or recorder.forks):
            self.rehearsal = Rehearsal(recorder)
            put_on(self.rehearsal)

    def hear(self, outputs: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """A backward that is recorded is about to run."""
        if self.rehearsal is not None:
            self.rehearsal.backward(outputs, args, kwargs, learner_site(2))

    def rest(self, loop: int) -> None:
        """The iteration of the loop that was heard, if one was, is over, or was left."""
        rehearsal, self.rehearsal = self.rehearsal, None
        if rehearsal is not None:
            take_off(rehearsal)
            rehearsal.close()
            self._heard = loop, rehearsal

    def told(self, step: Step, summaries: Summaries) -> None:
        """A step was told in full."""
        heard, self._heard = self._heard, None
        if heard is None or heard[1].step is not step:
            return
        loop, rehearsal = heard
        found = None if self._recorder.hooked else pattern(rehearsal, step, summaries, self._recorder)
        if found is None:
            self.missed(loop)
        else:
            self._known[loop] = Following(self._recorder, found, layouts(self._recorder.preview))

    def followed(self, loop: int) -> None:
        """An iteration of the loop was as it was to be."""
        self._hits[loop] = self._hits.get(loop, 0) + 1

    def missed(self, loop: int) -> None:
        """One was not, or cannot be followed."""
        self._known.pop(loop, None)
        self._misses[loop] = self._misses.get(loop, 0) + 1
        self._pauses[loop] = PAUSE
