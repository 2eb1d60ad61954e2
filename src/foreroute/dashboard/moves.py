"""What became of decisions: each with its moves, and each move with its grade."""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from foreroute.control.moves import MOVE
from foreroute.core.ports import RecordStore
from foreroute.dashboard.status import Row

_MOVES_MAX = 1000


async def with_moves(decisions: Sequence[Row], records: RecordStore) -> list[Row]:
    """The same rows, each with `moves`: empty for what an operator did, which nobody grades."""
    if not decisions:
        return []
    # The steps of a move carry its name from the first one on, which may be older than any of these.
    found = [orjson.loads(one.body) for one in await records.read(MOVE, limit=_MOVES_MAX)]
    return attached(decisions, found)


def attached(decisions: Sequence[Row], moves: Iterable[Mapping[str, object]]) -> list[Row]:
    by_decision: dict[object, list[Row]] = {}
    for move in moves:
        names = move["decisions"]
        assert isinstance(names, list)  # noqa: S101 - what `move_record` wrote
        for name in names:
            by_decision.setdefault(name, []).append(move_row(move))
    return [decision | {"moves": by_decision.get(decision["id"], [])} for decision in decisions]


def move_row(move: Mapping[str, object]) -> Row:
    verdict = move.get("verdict")
    known = verdict if isinstance(verdict, dict) else {}
    return {
        "id": move["id"],
        "capability": move["capability"],
        "route": move["route"],
        "channel": move["channel"],
        "executed": move["executed"],
        "steps": len(move["decisions"]) if isinstance(move["decisions"], list) else 1,
        "due_at": move["due_at"],
        "grade": known.get("grade"),
        "came": known.get("came"),
        "detail": known.get("detail"),
        "requests": known.get("requests"),
        "source": known.get("source"),
        "sink": known.get("sink"),
    }
