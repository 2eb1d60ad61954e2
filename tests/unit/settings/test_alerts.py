"""The section `alerts`: what is refused, what is hidden, and that the examples of the page are good."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from foreroute.alerts.matchers import LABELS
from foreroute.alerts.signals import _NAMES
from foreroute.alerts.values import Severity, Source
from foreroute.app.alerts import alert_settings, dashboard_link, senders_of
from foreroute.app.stages import mutes_of
from foreroute.core.errors import ConfigError, MissingExtra
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings, load_settings, parse_settings
from foreroute.settings.redact import shown
from foreroute.store.memory import MemoryStore

PAGE = (Path(__file__).parents[3] / "docs/alerts.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [block for block in _BLOCKS if block.startswith("alerts:")]
MAINTENANCE = next(block for block in _BLOCKS if block.startswith("detect:"))
SECRET = "https://pager.example.com/s3cr3t"
BASE = """
channels: [{id: one, provider: openai, region: us-east, model: m, base_url: "http://127.0.0.1:1/v1"}]
routes: [{model: chat, targets: [{channel: one}]}]
"""
ENVIRONMENT = {
    "PAGER_URL": SECRET,
    "SLACK_URL": "slack://TokenA/TokenB/TokenC/#channel",
    "MAIL_URL": "mailtos://user:password@mail.example.com?from=a@example.com&to=b@example.com",
}
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's, at its import


def parse(text: str, **more: str) -> Settings:
    return parse_settings(f"{BASE}{text}".encode(), name="f.yaml", environment=ENVIRONMENT | more)


def problem(text: str, **more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, **more)
    return str(caught.value)


def section(**what: Any) -> str:
    return yaml.safe_dump({"alerts": what})


def test_the_page_has_examples_for_mail_slack_and_a_webhook() -> None:
    assert len(EXAMPLES) == 4
    assert all(word in "".join(EXAMPLES) for word in ("MAIL_URL", "SLACK_URL", "webhook_url_file", "routes"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_is_accepted_and_its_receivers_can_be_made(
    example: str, tmp_path: Path
) -> None:
    secret = tmp_path / "pager-url"
    secret.write_text(f"{SECRET}\n")
    settings = parse(example.replace("/run/secrets/pager-url", str(secret)))
    assert settings.alerts.receivers
    assert senders_of(settings).keys() == {receiver.name for receiver in settings.alerts.receivers}
    assert alert_settings(settings.alerts).receivers


def test_the_page_names_every_source_and_every_label() -> None:
    table = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \| `(Fore\w+)` \|", PAGE, re.MULTILINE)}
    assert table == {source.value: _NAMES[source] for source in Source}
    paragraph = PAGE.split("Labels are", 1)[1].split("\n\n", 1)[0]
    assert set(LABELS) <= set(re.findall(r"`(\w+)`", paragraph))
    assert all(severity.value in PAGE for severity in Severity)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (section(receivers=[{"name": "a"}]), "exactly one of webhook_url"),
        (section(receivers=[{"name": "a", "webhook_url": "${PAGER_URL}", "apprise_urls": ["${SLACK_URL}"]}]), "exactly one"),
        (section(receivers=[{"name": "a", "webhook_url": "${PAGER_URL}"}] * 2), "'a' is taken already"),
        (section(receivers=[{"name": "a", "webhook_url": "https://x/y"}]), "a secret must not stand in the file"),
        (section(receivers=[{"name": "a", "apprise_urls": ["slack://a/b/c"]}]), "a secret must not stand in the file"),
        (section(receivers=[{"name": "a", "webhook_url": "${MAIL_URL}"}]), "is not an http or https address"),
        (section(receivers=[{"name": "a", "webhook_url": "${NOWHERE}"}]), "NOWHERE is not set"),
        (section(routes=[{"receivers": ["nobody"]}]), "there is no receiver 'nobody'"),
        (section(routes=[{"match": ["nonsense"]}]), "'nonsense' is no matcher"),
        (section(routes=[{"match": ["chanel=a"]}]), "there is no label 'chanel'"),
        (section(routes=[{"group_by": ["regoin"]}]), "there is no label 'regoin'"),
        (section(impact_warning=5.0, impact_critical=1.0), "must be above impact_warning"),
        (section(recievers=[]), "did you mean receivers?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_is(given: str, says: str) -> None:
    assert says in problem(given)


def test_no_message_about_a_receiver_shows_its_address(tmp_path: Path) -> None:
    for variable, key in (("PAGER_URL", "webhook_url"), ("PAGER_URL", "apprise_urls")):
        value = f"${{{variable}}}" if key == "webhook_url" else [f"${{{variable}}}"]
        bad = {"PAGER_URL": "ftp://user:s3cr3t@x" if key == "webhook_url" else "nonsense-s3cr3t"}
        with pytest.raises(ConfigError) as caught:
            senders_of(parse(section(receivers=[{"name": "a", key: value}]), **bad))
        assert "s3cr3t" not in str(caught.value)


def test_addresses_are_hidden_from_whoever_looks() -> None:
    text = section(
        receivers=[
            {"name": "a", "webhook_url": "${PAGER_URL}"},
            {"name": "b", "apprise_urls": ["${SLACK_URL}"]},
        ]
    )
    settings = parse(text)
    for seen in (str(shown(settings)), repr(settings), settings.model_dump_json()):
        assert "s3cr3t" not in seen
        assert "TokenA" not in seen


def test_a_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "urls").write_text("# ours\n\njson://127.0.0.1:1/\njson://127.0.0.1:2/\n")
    (tmp_path / "f.yaml").write_text(BASE + section(receivers=[{"name": "a", "apprise_urls_file": "urls"}]))
    assert senders_of(load_settings(tmp_path / "f.yaml", {}))["a"].kind == "apprise"
    (tmp_path / "urls").write_text("\n")
    with pytest.raises(ConfigError, match="holds no address"):
        senders_of(load_settings(tmp_path / "f.yaml", {}))
    (tmp_path / "urls").unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        senders_of(load_settings(tmp_path / "f.yaml", {}))


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[alerts\]'"):
        senders_of(parse(section(receivers=[{"name": "a", "apprise_urls": ["${SLACK_URL}"]}])))


def test_the_link_of_a_message() -> None:
    assert dashboard_link(parse("")) == "http://127.0.0.1:8081/"
    assert dashboard_link(parse(section(external_url="https://board/"))) == "https://board/"
    assert dashboard_link(parse("dashboard: {enabled: false}")) == ""


def test_by_default_there_are_alerts_and_nobody_is_told() -> None:
    settings = parse("")
    assert settings.alerts.enabled
    assert senders_of(settings) == {}


def test_the_maintenance_of_the_page_is_on_sunday_night() -> None:
    records = MemoryStore(merge_rollups).records
    mutes = mutes_of(parse(MAINTENANCE), records)
    sunday = 1_772_323_200.0  # 1 March 2026
    (held,) = mutes.holding(sunday + 2.5 * 3600.0)
    assert (held.channel, held.because) == ("azure-*", "patch night")
    assert held.end_at == sunday + 3.5 * 3600.0
    assert mutes.holding(sunday + 2.4 * 3600.0) == mutes.holding(sunday + 26.5 * 3600.0) == ()


@pytest.mark.parametrize("begins", ["2:30", "24:00", "noon"])
def test_a_time_of_day_that_is_none_is_refused(begins: str) -> None:
    text = yaml.safe_dump({"detect": {"maintenance": [{"begins": begins, "lasts": "1h"}]}})
    assert "begins" in problem(text)
