"""The verbs that ask a running server, against a stand-in for its API."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.cli.status import exit_code, headline

Run = Callable[..., Result]
NOBODY = "http://127.0.0.1:9"
VERBS = [
    ["status"], ["explain", "r"], ["forecast", "c"], ["detect"], ["autopilot"], ["autopilot", "act"], ["kill-switch", "on"], ["undo"], ["reload"],
]  # fmt: skip


@pytest.fixture
def run(server: Any) -> Run:
    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env={"FOREROUTE_URL": server.url, **environment})

    return invoke


def test_status_says_it_in_a_sentence_and_in_numbers(server: Any, status: dict[str, Any], run: Run) -> None:
    server.answer("GET /api/status", status)
    result = run("status")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Traffic has moved off azure-us before users notice."
    row = next(line for line in lines if line.startswith("azure-us"))
    for part in (
        "good",
        "710 ms",
        "1.02 s",
        "1.30 s",
        "1%",
        "25% (of 40%)",
        "forecast: expected over 900 ms",
    ):
        assert part in row
    assert "[sure: 80 %]" in row, "what looks like markup is shown as it is"
    assert "budget monthly: $123.45 of $500.00, $510.20 projected (480.00 to 540.00)" in result.stdout
    assert "will overrun" in result.stdout
    assert "120 made, 80 graded, mean error 50 ms, the last value's 80 ms" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    "verb", [["status"], ["forecast", "azure-us"], ["explain", "r"], ["undo"], ["autopilot"]]
)
def test_json_is_one_value_without_colours(
    verb: list[str], server: Any, status: dict[str, Any], run: Run
) -> None:
    server.answer("GET /api/status", status)
    server.answer("GET /api/forecasts", FORECASTS)
    server.answer("GET /api/requests/r", REQUEST)
    server.answer("POST /api/undo", {"undone": True})
    result = run(*verb, "--json", FORCE_COLOR="1")
    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(result.stdout), dict)
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_when_nobody_answers_it_says_how_to_start(verb: list[str], run: Run) -> None:
    result = run(*verb, "--url", NOBODY)
    assert result.exit_code == (4 if verb == ["status"] else 1)
    assert "nobody answers" in result.stderr
    assert "foreroute serve" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_when_nobody_answers_json_says_so_too(verb: list[str], run: Run) -> None:
    result = run(*verb, "--url", NOBODY, "--json")
    assert result.exit_code == (4 if verb == ["status"] else 1)
    error = json.loads(result.stderr)["error"]
    assert error["where"] == NOBODY
    assert error["hint"]
    assert result.stdout == ""


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize(
    ("code", "body", "said"),
    [
        (401, {"error": {"message": "no key", "hint": ""}}, "the server asks for its admin key"),
        (
            503,
            {"error": {"message": "the loop is not ready", "hint": "wait a minute"}},
            "the loop is not ready",
        ),
        (500, b"<html>oops</html>", "the server answers 500"),
        (500, {"error": None}, "the server answers 500"),
        (200, b"hello", "not as Foreroute's admin API"),
        (200, ["a list"], "not as Foreroute's admin API"),
        (302, b"", "the server answers 302"),
    ],
)
def test_a_refusal_is_a_message_and_an_exit_code(
    verb: list[str], code: int, body: Any, said: str, server: Any, run: Run
) -> None:
    server.location = "http://127.0.0.1:9/elsewhere"
    for what in ("GET /api/status", "GET /api/requests/r", "GET /api/forecasts", "GET /api/anomalies"):
        server.answer(what, body, code)
    for what in ("POST /api/autopilot", "POST /api/kill-switch", "POST /api/undo", "POST /api/reload"):
        server.answer(what, body, code)
    result = run(*verb)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1", "127.0.0.1:8081", "http://[::1", "http://"]
)
def test_an_address_that_is_none_is_refused(url: str, run: Run) -> None:
    result = run("undo", "--url", url)
    assert result.exit_code == 1
    assert "is not an http or https address" in result.stderr


def test_the_key_goes_along_from_the_environment(server: Any, status: dict[str, Any], run: Run) -> None:
    server.answer("GET /api/status", status)
    assert run("status", FOREROUTE_ADMIN_KEY="secret").exit_code == 0
    assert server.asked[-1].key == "Bearer secret"
    assert run("status").exit_code == 0
    assert server.asked[-1].key is None


def test_steering_posts_what_was_asked(server: Any, run: Run) -> None:
    server.answer("POST /api/autopilot", {"autopilot": "act"})
    server.answer("POST /api/kill-switch", {"kill_switch": False})
    server.answer("POST /api/undo", {"undone": True})
    assert run("autopilot", "act").stdout == "autopilot: act\n"
    assert run("kill-switch", "on").stdout.startswith("kill switch: on")
    assert run("kill-switch", "off").stdout.startswith("kill switch: off")
    assert run("undo").stdout == "the newest decision is undone\n"
    assert [(one.path, one.body) for one in server.asked] == [
        ("/api/autopilot", {"mode": "act"}),
        ("/api/kill-switch", {"on": True}),
        ("/api/kill-switch", {"on": False}),
        ("/api/undo", {}),
    ]


def test_reload_says_what_became_of_it(server: Any, run: Run) -> None:
    server.answer("POST /api/reload", {"message": "it is being applied", "needs_restart": ["store"]}, 202)
    assert run("reload").stdout == "it is being applied; only a restart will change: store\n"
    server.answer("POST /api/reload", {"message": "nothing has changed", "needs_restart": []}, 202)
    assert run("reload").stdout == "nothing has changed\n"


def test_undo_with_nothing_to_undo_fails(server: Any, run: Run) -> None:
    server.answer("POST /api/undo", {"undone": False})
    result = run("undo")
    assert result.exit_code == 1
    assert "nothing to undo" in result.stderr


def test_autopilot_without_a_mode_says_which_is_set(server: Any, status: dict[str, Any], run: Run) -> None:
    server.answer("GET /api/status", status)
    assert run("autopilot").stdout == "autopilot: act\n"


@pytest.mark.parametrize(
    "verb", [["autopilot", "fly"], ["kill-switch", "maybe"], ["kill-switch"], ["explain"]]
)
def test_a_wrong_word_is_a_usage_error(verb: list[str], run: Run) -> None:
    assert run(*verb).exit_code == 2
    result = run(*verb, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stderr)["error"]["message"]


# What the state comes to -----------------------------------------------------------------------------------------


def changed(status: dict[str, Any], health: str | None = None, **changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(status) | changes
    for row in made["channels"]:
        row["why"] = None
        row["health"] = health or row["health"]
    return made


def test_headlines_give_the_worst_news_first(status: dict[str, Any]) -> None:
    dead = {"alive": False}
    assert headline(changed(status)) == "All 2 channels are well."
    assert headline(changed(status, "poor")) == "2 of 2 channels unwell: azure-us is poor, aws-us is poor."
    assert headline(changed(status, "poor", kill_switch=True)).startswith("The kill switch is on")
    assert headline(changed(status, "offline", kill_switch=True)) == "No channel is left for chat."
    assert headline(changed(status, "offline", loop=dead)).startswith("The control loop is dead")


@pytest.mark.parametrize(
    ("health", "changes", "code"),
    [
        (None, {}, 0),
        ("poor", {}, 0),
        ("offline", {}, 4),
        (None, {"loop": {"alive": False}}, 4),
        (None, {"loop": None}, 4),
    ],
)
def test_the_exit_code_says_whether_it_can_serve(
    health: str | None, changes: dict[str, Any], code: int, status: dict[str, Any], server: Any, run: Run
) -> None:
    server.answer("GET /api/status", changed(status, health, **changes))
    assert run("status").exit_code == code
    assert run("status", "--json").exit_code == code


def test_a_spent_budget_fails_only_when_asked(status: dict[str, Any], server: Any, run: Run) -> None:
    status["budgets"][0]["spent_usd"] = "500.01"
    server.answer("GET /api/status", status)
    assert run("status").exit_code == 0
    assert "spent" in run("status").stdout
    assert run("status", "--fail-on-budget").exit_code == 5
    status["loop"]["alive"] = False
    assert exit_code(status, fail_on_budget=True) == 4


def test_open_incidents_and_failed_stages_are_shown(status: dict[str, Any], server: Any, run: Run) -> None:
    status["incidents"] = [
        {
            "channel": "aws-us",
            "root_cause": "overloaded_or_capacity",
            "opened_at": 1_772_442_000.0,
            "closed_at": None,
        },
        {"channel": "azure-us", "root_cause": "server_error", "opened_at": 1.0, "closed_at": 2.0},
    ]
    status["loop"]["stage_errors"] = {"detect": "ValueError: no"}
    server.answer("GET /api/status", status)
    out = run("status").stdout
    assert "incident: aws-us: overloaded_or_capacity, since 02 Mar 09:00 UTC" in out
    assert "server_error" not in out
    assert "stage detect failed in the newest tick: ValueError: no" in out


def test_control_characters_of_a_server_reach_no_terminal(
    status: dict[str, Any], server: Any, run: Run
) -> None:
    status["channels"][0]["why"]["detail"] = "\x1b]0;owned\x07 slow"
    server.answer("GET /api/status", status)
    assert "\x1b" not in run("status").stdout


def test_an_answer_with_holes_is_still_shown(server: Any, run: Run) -> None:
    server.answer("GET /api/status", {"loop": {"alive": True}, "channels": [{"id": "a"}], "routes": [{}]})
    assert run("status").exit_code == 0


# explain ---------------------------------------------------------------------------------------------------------

REQUEST: dict[str, Any] = {
    "request_id": "r",
    "attempts": [
        {
            "number": 1, "channel": "azure-us", "route": "chat", "reason": "forecast", "outcome": "timeout",
            "failure_class": "timeout_read", "status": None, "started_at": 1_772_442_000.0, "duration_s": 30.0,
            "time_to_first_chunk_s": None, "input_tokens": 0, "output_tokens": 0, "cost_usd": None,
            "plan_version": 14,
        },
        {
            "number": 2, "channel": "aws-us", "route": "chat", "reason": "failover", "outcome": "success",
            "failure_class": None, "status": 200, "started_at": 1_772_442_030.0, "duration_s": 2.5,
            "time_to_first_chunk_s": 0.4, "input_tokens": 812, "output_tokens": 97, "cost_usd": "0.00018",
            "plan_version": 14,
        },
    ],
    "decision": {
        "id": "d-38", "at": 1_772_441_940.0,
        "changes": [
            {"route": "chat", "channel": "azure-us", "before": 0.4, "after": 0.25, "code": "forecast", "detail": "slow"},
        ],
    },
}  # fmt: skip


def test_explain_tells_the_story_of_a_request(server: Any, run: Run) -> None:
    server.answer("GET /api/requests/r", REQUEST)
    out = run("explain", "r").stdout
    assert out.startswith("aws-us answered request r after 2 attempts.")
    assert "timeout (timeout_read)" in out
    assert "unpriced" in out
    assert "$0.00018" in out
    assert "812 + 97" in out
    assert "made by decision d-38 at 02 Mar 08:59 UTC" in out
    assert "azure-us on chat: 40% → 25%  forecast: slow" in out


def test_explain_without_a_decision_says_that_the_configuration_chose(server: Any, run: Run) -> None:
    server.answer("GET /api/requests/r", REQUEST | {"decision": None, "attempts": REQUEST["attempts"][:1]})
    out = run("explain", "r").stdout
    assert out.startswith("Request r was not answered: timeout after one attempt.")
    assert "The configured weights chose" in out


def test_explain_of_an_unknown_request_fails_with_the_servers_words(server: Any, run: Run) -> None:
    server.answer(
        "GET /api/requests/a%2Fb", {"error": {"message": "no request a/b", "hint": "kept for 90 days"}}, 404
    )
    result = run("explain", "a/b")
    assert result.exit_code == 1
    assert "no request a/b" in result.stderr
    assert "kept for 90 days" in result.stderr
    assert server.asked[-1].path == "/api/requests/a%2Fb"


# forecast --------------------------------------------------------------------------------------------------------

FORECASTS: dict[str, Any] = {
    "forecasts": [
        {
            "channel": "azure-us", "metric": "first_chunk_p95", "origin_at": 1_772_442_000.0, "step_s": 60.0,
            "mean": [0.7 + 0.01 * n for n in range(60)], "lower": [0.6] * 60, "upper": [1.4] * 60,
            "lower95": [0.5] * 60, "upper95": [2.4] * 60, "coverage": 0.8, "model": "ensemble",
            "windows": [
                {
                    "target": target, "horizon_s": 900.0, "value": 0.77, "lower80": 0.71, "upper80": 0.83,
                    "lower95": 0.65, "upper95": 0.99, "n_effective": 40.0, "floor_ratio": 0.02,
                }
                for target in ("mean", "point")
            ],
            "standings": [
                {
                    "target": "mean", "horizon_s": 900.0, "outcomes": 60, "mean_absolute_error": 0.05,
                    "naive_mean_absolute_error": 0.08, "skill": 0.375, "mape": 0.061, "coverage80": 0.79,
                    "coverage95": 0.94, "floor_ratio": 0.023, "has_vote": True, "no_vote": None,
                    "experts": [
                        {"name": name, "weight": weight, "mean_absolute_error": 0.05, "naive_mean_absolute_error": 0.08}
                        for name, weight in (("trend", 0.6), ("average_15", 0.4))
                    ],
                },
                {
                    "target": "mean", "horizon_s": 3600.0, "outcomes": 7, "mean_absolute_error": 0.09,
                    "naive_mean_absolute_error": 0.08, "skill": -0.125, "mape": 0.12, "coverage80": 0.5,
                    "coverage95": None, "floor_ratio": None, "has_vote": False, "no_vote": "worse", "experts": [],
                },
            ],
        },
        {
            "channel": "azure-us", "metric": "failure_ratio", "origin_at": 1_772_442_000.0, "step_s": 60.0,
            "mean": [0.01] * 15, "lower": [0.0] * 15, "upper": [0.05] * 15, "coverage": 0.8, "model": "naive",
        },
    ],
}  # fmt: skip


def test_forecast_shows_what_is_expected_and_how_good_that_was(server: Any, run: Run) -> None:
    server.answer("GET /api/forecasts", FORECASTS)
    out = run("forecast", "azure-us").stdout
    first = [line for line in out.splitlines() if line.startswith("first_chunk_p95")]
    assert len(first) == 6, "two horizons: what is expected, how good that was, whose word counts"
    for part in ("15m", "770 ms", "710 ms to 830 ms", "650 ms to 990 ms", "840 ms", "600 ms to 1.40 s"):
        assert part in first[0]
    assert first[1].split()[1:3] == ["1h", "–"], "no mean is forecast that far"
    assert "1.29 s" in first[1]
    assert "0.0% to 5.0%" in out
    for part in ("60", "50 ms", "80 ms", "6.1%", "2.3%", "79%", "94%", "yes"):
        assert part in first[2].split("over it")[1]
    assert "no: the last value is nearer" in first[3]
    assert first[4].endswith("trend 60%, average_15 40%")
    assert "nobody yet" in first[5]
    assert server.asked[-1].path == "/api/forecasts?channel=azure-us"


def test_forecast_at_a_horizon_of_choice(server: Any, run: Run) -> None:
    server.answer("GET /api/forecasts", FORECASTS)
    result = run("forecast", "azure-us", "--horizon", "30m", "--metric", "first_chunk_p95", "--json")
    found = json.loads(result.stdout)["forecasts"]
    assert found[0]["at_horizon"] == [
        {
            "horizon_s": 1800.0,
            "mean": pytest.approx(0.99),
            "lower": 0.6,
            "upper": 1.4,
            "lower95": 0.5,
            "upper95": 2.4,
            "over": None,
        }
    ]
    assert found[1]["at_horizon"] == []
    assert server.asked[-1].path == "/api/forecasts?channel=azure-us&metric=first_chunk_p95"


@pytest.mark.parametrize(
    ("answer", "horizon", "said"),
    [
        (FORECASTS, "2d", "no forecast reaches 2d ahead"),
        (FORECASTS, "soon", "'soon' is not a duration"),
        ({"forecasts": []}, "15m", "there is no forecast for azure-us"),
    ],
)
def test_a_forecast_that_is_not_there_fails(
    answer: Any, horizon: str, said: str, server: Any, run: Run
) -> None:
    server.answer("GET /api/forecasts", answer)
    result = run("forecast", "azure-us", "--horizon", horizon)
    assert result.exit_code == 1
    assert said in result.stderr


def test_ungraded_forecasts_say_so(server: Any, run: Run) -> None:
    fresh = [one | {"standings": []} for one in FORECASTS["forecasts"]]
    server.answer("GET /api/forecasts", {"forecasts": fresh})
    assert "No forecast is graded yet" in run("forecast", "azure-us").stdout


# detect ----------------------------------------------------------------------------------------------------------

EPISODE = {
    "channel": "azure-us", "metric": "first_chunk_p95", "since_at": 1_772_442_000.0, "at": 1_772_442_300.0, "windows": 6,
    "value": 1.9, "expected": 0.5, "score": 9.0, "kind": "shift", "direction": "high", "cause": "the channel",
}  # fmt: skip


def test_detect_says_what_was_strange_and_of_what_kind(server: Any, run: Run) -> None:
    server.answer("GET /api/anomalies", {"episodes": [EPISODE]})
    out = run("detect", "azure-us", "--since", "12h").stdout
    row = next(line for line in out.splitlines() if "azure-us" in line)
    for part in (
        "02 Mar 09:00 UTC",
        "02 Mar 09:05 UTC",
        "6",
        "shift high",
        "1.90 s",
        "500 ms",
        "the channel",
    ):
        assert part in row
    assert server.asked[-1].path == "/api/anomalies?channel=azure-us&since=12h"
    assert json.loads(run("detect", "--json").stdout) == {"episodes": [EPISODE]}


def test_detect_says_that_nothing_was(server: Any, run: Run) -> None:
    server.answer("GET /api/anomalies", {"episodes": []})
    assert run("detect").stdout == "Nothing was strange in the last 24h.\n"
