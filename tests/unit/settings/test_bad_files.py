"""One bad file per rule: each is refused with a message, its line, and what would be right."""

from pathlib import Path
from typing import NamedTuple

import pytest

from foreroute.core.errors import ConfigError
from foreroute.settings import load_settings

FOLDER = Path(__file__).parents[2] / "data/config"


class Bad(NamedTuple):
    file: str
    place: str
    """`line: key.path`, `line`, or nothing for the whole file."""
    message: str
    hint: str = ""


BAD = [
    Bad("unknown_key", "4: channels[0].regoin", "no such setting", "did you mean region?"),
    Bad("unknown_section", "1: gatway", "no such setting", "did you mean gateway?"),
    Bad("missing_variable", "7: channels[0].api_key", "FOREROUTE_TEST_UNSET_KEY is not set", "export FORE"),
    Bad(
        "literal_secret",
        "7: channels[0].api_key",
        "a secret must not stand in the file",
        "write ${NAME} here",
    ),
    Bad("duplicate_channel", "7: channels[1].id", "'one' is taken already by channels[0]", "name of its own"),
    Bad("duplicate_route", "11: routes[1].model", "'chat' is taken already by routes[0]", "name of its own"),
    Bad(
        "unknown_channel",
        "15: routes[0].targets[0].channel",
        "no channel 'tow'",
        "did you mean two? channels:",
    ),
    Bad(
        "channel_like_no_other",
        "15: routes[0].targets[0].channel",
        "no channel 'somebody-else'",
        "channels: ",
    ),
    Bad("channel_twice_in_route", "11: routes[0].targets[1].channel", "in this route already", "once"),
    Bad("unknown_region", "7: channels[0].region", "no region 'us-eats'", "did you mean us-east? regions:"),
    Bad("negative_price", "8: channels[0].price.input_usd_per_mtok", "zero or more, not -0.15", "0.15"),
    Bad("bad_money", "12: budgets[0].limit_usd", "not an amount of US dollars", "limit_usd: 500"),
    Bad("budget_negative", "12: budgets[0].limit_usd", "zero or more, not -5", "limit_usd: 500"),
    Bad("budget_unknown_scope", "13: budgets[0].scope", "must be 'global', 'team'"),
    Bad("budget_unknown_route", "14: budgets[0].of", "there is no route 'chatt'", "did you mean chat?"),
    Bad(
        "budget_counts_twice",
        "13: budgets[1]",
        "counts the same as budgets[0]: all, a month",
        "one budget has both",
    ),
    Bad(
        "budget_hard_below_soft", "12: budgets[0]", "the hard limit of 4 is below the limit of 5", "limit_usd"
    ),
    Bad("budget_without_limit", "12: budgets[0]", "a limit_usd, a hard_limit_usd, or both", "limit_usd"),
    Bad("budget_cheaper_without_room", "12: budgets[0]", "`cheaper` needs a limit_usd below", "limit_usd"),
    Bad("budget_of_nobody", "12: budgets[0]", "a budget of a team needs its name in `of`", "limit_usd"),
    Bad("keep_shorter_than_before", "3: store.keep.hours", "7d is less than minutes, 14d", "14d or longer"),
    Bad("optimum_without_workers", "5: cost.optimum.enabled", "there is none", "set loop.fit_workers: 1"),
    Bad("ray_without_ray", "6: loop.ray_address", "fitted in processes", "set loop.fit_on: ray"),
    Bad("optimum_valid_too_short", "5: cost.optimum.valid", "1m is less than every, 5m", "10m or longer"),
    Bad("weights_all_zero", "9: routes[0].targets", "all weights are 0", "weight: 1"),
    Bad(
        "base_url_not_http",
        "6: channels[0].base_url",
        "is not an http or https address",
        "https://api.openai.com",
    ),
    Bad("base_url_with_credentials", "6: channels[0].base_url", "may not hold a user", "such as api_key"),
    Bad("base_url_bad_port", "6: channels[0].base_url", "is not a valid address", "https://api.openai.com"),
    Bad("yaml_syntax", "4:4", "not valid YAML: expected <block end>", "indent with spaces"),
    Bad("unknown_tag", "4: channels[0].region", "cannot be read as a value", "quotes"),
    Bad("duplicate_key", "5: channels[0].region", "stands twice (first on line 4)", "keep one of the two"),
    Bad("empty", "", "the file is empty", "at least `channels:` and `routes:`"),
    Bad("only_comments", "", "the file is empty", "at least `channels:` and `routes:`"),
    Bad("latin1", "1", "not UTF-8: byte 0xe9 at position 4", "save the file as UTF-8"),
    Bad("top_level_list", "1", "must hold a mapping of sections", "at least `channels:` and `routes:`"),
    Bad("section_as_text", "1: gateway", "must be a section", ""),
    Bad("bad_name", "2: channels[0].id", "must begin with a letter or a digit", "id: openai-us-east"),
    Bad("missing_required", "2: channels[0].model", "is required", "model: gpt-4o-mini"),
    Bad("no_channels", "1: channels", "must not be empty", "base_url: https://"),
    Bad(
        "duration_without_unit",
        "2: timeouts.connect",
        "5 is not a duration; write a number and a unit, such as 30s",
    ),
    Bad("bad_ratio", "2: breaker.failure_ratio_max", "must be less than or equal to 1 (got 50)"),
    Bad("open_host", "2: gateway.host", "no key is asked for", "gateway.api_keys"),
    Bad("open_dashboard", "2: dashboard.host", "no key is asked for", "dashboard.admin_key"),
    Bad("bad_time_zone", "13: budgets[0].time_zone", "no time zone 'Asia/Soul'", "Asia/Seoul"),
    Bad("horizon_not_forecast", "2: loop.horizon", "30m is not one of the forecast horizons", "15m, 1h"),
    Bad("nearest_to_what", "11: routes[0].prefer", "gateway.region is not set", "region: us-east"),
    Bad(
        "experiment_unknown_channel",
        "15: experiments[0].arms[1].channels.tow",
        "there is no channel 'tow'",
        "did you mean two? channels:",
    ),
    Bad(
        "experiment_unknown_route",
        "12: experiments[0].routes[0]",
        "there is no route 'chatt'",
        "did you mean chat?",
    ),
    Bad("experiment_unknown_key", "14: experiments[0].mesure", "no such setting", "did you mean measure?"),
    Bad(
        "experiment_shadow_for_free",
        "10: experiments[0].budget_usd",
        "a shadow costs money",
        "budget_usd: 5",
    ),
    Bad("alias_bomb", "", "more than 200000 values", "aliases"),
    Bad("alias_of_itself", "", "an alias holds itself", "channels:"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.file)
def test_a_bad_file_is_refused_with_place_and_remedy(bad: Bad) -> None:
    path = FOLDER / f"{bad.file}.yaml"
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environment={})
    assert caught.value.where == (f"{path}:{bad.place}" if bad.place else str(path))
    assert bad.message in caught.value.message
    assert bad.hint in caught.value.hint
    assert str(caught.value).startswith(f"{caught.value.where}: {caught.value.message}")


def test_each_bad_file_has_a_test() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(bad.file for bad in BAD)


@pytest.mark.parametrize("name", ["literal_secret", "base_url_with_credentials"])
def test_a_secret_is_never_repeated(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(FOLDER / f"{name}.yaml", environment={})
    assert "sk-abc" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_settings(FOLDER / "nowhere.yaml", environment={})
