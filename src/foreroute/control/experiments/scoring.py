"""Scores of answers, from whoever can judge them: each counts once, for the arm that its request was in."""

import math
from typing import Final

from foreroute.control.experiments.book import Book
from foreroute.control.experiments.refusal import Refused
from foreroute.core.experiment import ExperimentKind
from foreroute.core.experiment_ports import KeptScore, ScoreStore
from foreroute.core.ports import LedgerStore
from foreroute.experiment.runs import Run

_SCORE_MAX: Final = 1e6


class Scoring:
    """Raises Refused and StoreError."""

    def __init__(self, book: Book, scores: ScoreStore, ledger: LedgerStore) -> None:
        self._book, self._scores, self._ledger = book, scores, ledger

    async def score(self, name: str, request_id: str, score: float) -> tuple[KeptScore, bool]:
        """True: it is new. The same score again changes nothing; another one is refused, since the first was counted."""
        run = self._open_run(name)
        if not math.isfinite(score) or abs(score) > _SCORE_MAX:
            most = f"{_SCORE_MAX:.0f}"
            raise Refused(400, f"a score is a number from -{most} to {most}", "for example: 0.8")
        entries = await self._ledger.request(request_id)
        if not entries:
            hint = "it is the x-request-id of an answer; attempts are on record some seconds later"
            raise Refused(404, f"no attempt of request {request_id[:80]!r} is on record", hint)
        attempt = entries[0].attempt
        mark = next((one for one in attempt.arms if one.run == run.id), None)
        if mark is None:
            raise Refused(409, f"request {request_id[:80]!r} takes no part in {run.id}")
        sent = KeptScore(
            run=run.id,
            request_id=attempt.request_id,
            arm=mark.arm,
            unit=mark.unit,
            started_at=attempt.started_at,
            score=score,
        )
        kept, is_new = await self._scores.add(sent)
        if kept.score != score:
            message = f"request {request_id[:80]!r} has the score {kept.score:g} already"
            raise Refused(409, message, "the first one was counted and stays")
        return kept, is_new

    def _open_run(self, name: str) -> Run:
        run = self._book.run(name)
        if run.definition.kind is ExperimentKind.SHADOW:
            raise Refused(409, f"{run.id} discards the answers of its copies", "nobody can score them")
        if not run.is_running:
            raise Refused(409, f"{run.id} is {run.state.value}", "scores count while it runs")
        return run
