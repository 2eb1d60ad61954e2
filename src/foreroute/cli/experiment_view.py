"""Experiments as tables and sentences."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from foreroute.cli.say import console, table, text

Row = Mapping[str, Any]
_SECONDS: Final = ("latency", "latency_mean", "latency_p95", "first_chunk", "first_chunk_p95")
_WORDS: Final = {
    "better": "{arm} is better than {control}",
    "worse": "{arm} is worse than {control}",
    "equal": "{arm} and {control} do not differ by as much as is worth knowing",
    "open": "it is not known yet whether {arm} and {control} differ",
}


def show_list(answer: Row) -> None:
    out = console()
    running = [run for run in answer["runs"] if run["state"] == "running"]
    if not answer["defined"]:
        out.print("no experiment is defined; see docs/experiments.md")
        return
    made = table("experiment", "kind", "routes", "arms", "decides", ">runs", "now")
    for one in answer["defined"]:
        runs = [run for run in answer["runs"] if run["experiment"] == one["id"]]
        now = next((_state(run) for run in running if run["experiment"] == one["id"]), "")
        newest = now or (_state(runs[0]) if runs else "not started")
        made.add_row(
            text(one["id"]),
            text(one["kind"]),
            text(", ".join(one["routes"])),
            text(", ".join(arm["name"] for arm in one["arms"])),
            text(one["measure"]),
            str(len(runs)),
            text(newest),
        )
    out.print(made)


def show_history(runs: Sequence[Row]) -> None:
    out = console()
    if not runs:
        out.print("no run is over yet")
        return
    made = table("run", "ended", "state", ">requests", "found", "why it ended")
    for run in runs:
        found = "; ".join(_verdict(run, one["arm"], one["verdict"]) for one in run["findings"])
        made.add_row(
            text(run["run"]),
            _day(run["ended_at"]),
            text(run["state"]),
            f"{run['requests']:,}",
            text(found or "nothing for sure"),
            text(run["reason"]),
        )
    out.print(made)


def show_one(answer: Row) -> None:
    run = answer["run"]
    if run is None:
        console().print(text(f"{answer['definition']['id']} has not run yet"))
        show_size(answer)
        return
    out = console()
    out.print(text(f"{run['run']}: {_state(run)}", "bold"))
    for one in run["effects"]:
        known = {found["arm"]: found["verdict"] for found in run["findings"]}
        out.print(text(_verdict(run, one["arm"], known.get(one["arm"], "open"))))
    out.print(
        text(
            f"{run['progress']:.0%} of the planned units, {run['requests']:,} requests, {run['reason']}".rstrip(
                ", "
            )
        )
    )
    for warning in _warnings(run):
        out.print(text(warning, "yellow"))
    out.print(_arms(run))
    out.print(_effects(run, [*run["effects"], *run["others"]]))
    if run["guardrails"]:
        out.print(_guardrails(run))
    if run["config_patch"]:
        out.print(text("to keep it, write into the configuration file:\n" + run["config_patch"]))


def show_size(answer: Row) -> None:
    size, definition = answer["size"], answer["definition"]
    out = console()
    if size["sequential"] is None:
        words = f"too few requests are on record ({size['past']}) to estimate; planned: {size['units']:.0f} an arm"
        out.print(text(words))
        return
    effect = definition["effect"]
    shown = f"{effect:g} points" if definition["measure"] == "quality" else f"{effect:.1%}"
    out.print(
        text(
            f"{size['sequential']:,.0f} requests an arm to find {shown} of {definition['measure']} with a power of "
            f"{definition['power']:.0%}, looking all the time ({size['fixed']:,.0f} if one looked only once)"
        )
    )
    if size["days"] is not None:
        out.print(
            text(f"about {size['days']:.1f} days at the pace of the last week ({size['past']:,} requests)")
        )
    if size["variance_removed"] > 0.005:
        out.print(text(f"the size of requests explains {size['variance_removed']:.0%} of the variance"))


def _arms(run: Row) -> Any:
    measures = ("latency", "first_chunk", "failures", "cost", "tokens", "quality")
    made = table("arm", ">requests", ">units", *(f">{name}" for name in measures))
    for arm in run["arm_rows"]:
        levels = [_level(name, arm["levels"].get(name)) for name in measures]
        made.add_row(text(arm["name"]), f"{arm['requests']:,}", f"{arm['units']:,}", *levels)
    return made


def _effects(run: Row, effects: Sequence[Row]) -> Any:
    made = table("measure", "arm", ">effect", ">interval", "", ">variance taken away")
    for one in effects:
        decides = "decides" if one["measure"] == run["measure"] else ""
        removed = f"{one['variance_removed']:.0%}" if one["variance_removed"] > 0.005 else ""
        made.add_row(
            text(one["measure"]), text(one["arm"]), _change(one, "value"), _bounds(one), decides, removed
        )
    return made


def _guardrails(run: Row) -> Any:
    made = table("guardrail", "arm", ">effect", ">interval", ">worse at most", "")
    for one in run["guardrails"]:
        most = f"{one['worse_max']:g}" if one["measure"] == "quality" else f"{one['worse_max']:.1%}"
        state = "broken" if one["broken"] else "holds"
        made.add_row(text(one["measure"]), text(one["arm"]), _change(one, "value"), _bounds(one), most, state)
    return made


def _warnings(run: Row) -> list[str]:
    found = []
    if run["split_p_value"] is not None and run["split_p_value"] < 0.001:
        found.append("requests do not fall to the arms as they should: trust none of this")
    if run["late_attempts"]:
        found.append(f"{run['late_attempts']:,} attempts came after their request was counted as over")
    if run["units_left_out"]:
        found.append(f"{run['units_left_out']:,} requests of more units than are kept were left out")
    if run["spent_usd"] is not None:
        found.append(f"copies have cost ${run['spent_usd']} of ${run['budget_usd']}")
    return found


def _verdict(run: Row, arm: str, verdict: str) -> str:
    return _WORDS[verdict].format(arm=arm, control=run["arms"][0])


def _state(run: Row) -> str:
    if run["warming_up"]:
        return "warming up"
    return f"{run['promoted']} promoted" if run["promoted"] else str(run["state"])


def _level(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    if measure in _SECONDS:
        return f"{value:.3f} s"
    if measure == "failures":
        return f"{value:.2%}"
    return f"${value:.6f}" if measure == "cost" else f"{value:.2f}"


def _change(effect: Row, name: str) -> str:
    value = effect[name]
    if value is None:
        return "?"
    return f"{value:+.3f}" if effect["measure"] == "quality" else f"{value:+.1%}"


def _bounds(effect: Row) -> str:
    if effect["lower"] is None and effect["upper"] is None:
        return "too little is known"
    return f"{_change(effect, 'lower')} to {_change(effect, 'upper')}"


def _day(at: float | None) -> str:
    return "–" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
