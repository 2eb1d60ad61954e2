"""What the demo says while it runs. Stdout keeps quiet: all of it goes to stderr."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from foreroute.control.state import Board
from foreroute.core.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is going to happen: simulated minutes after the start."""

    slowing: str
    limit_s: float
    crosses_at_minute: float
    failing: str
    fails_at_minute: float


class Talk:
    """`quiet` says only what the run cannot do without. `tick` is called on the control thread."""

    def __init__(self, *, quiet: bool, speed: float) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._speed = speed
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def greet(self, gateway: str, dashboard: str | None, route: str, trace: str, story: Story) -> None:
        if self._quiet:
            return
        say = self._console.print
        say("\n[bold]Foreroute demo[/bold]: six channels over three clouds, two regions and a local GPU")
        if dashboard:
            say(f"  dashboard        [bold]{dashboard}[/bold]")
        say(f"  OpenAI base URL  [bold]{gateway}/v1[/bold]")
        say("  try it           ", end="")
        self.say(
            f"curl -si {gateway}/v1/chat/completions -H 'content-type: application/json' "
            f'-d \'{{"model":"{route}","messages":[{{"role":"user","content":"hi"}}]}}\''
        )
        say(f"  traffic          {trace}")
        say(f"  clock            {self._speed:g} simulated seconds per second\n")
        crosses, fails = (self._second(at) for at in (story.crosses_at_minute, story.fails_at_minute))
        say(
            f"What will happen: {story.slowing} slows down little by little and will miss its {story.limit_s * 1000:.0f} ms"
        )
        say(
            f"objective from second {crosses} on. The forecast sees it coming, and its traffic moves before that."
        )
        say(
            f"At second {fails} {story.failing} starts to fail out of the blue: breaker and playbook take over."
        )
        say("Ctrl-C ends it.\n")

    def _second(self, minute: float) -> str:
        return f"{minute * 60.0 / self._speed:.0f}"

    def tick(self, board: Board) -> None:
        decision = board.decision
        if self._quiet or decision is None or decision.id in self._said:
            return
        self._said.add(decision.id)
        for line in _lines(decision, (decision.at - board.started_at) / 60.0):
            self._console.print(line)

    def farewell(self, summary: dict[str, Any]) -> None:
        self.say(
            f"\n{summary['requests']} requests, {summary['client_failures']} failed for users, "
            f"{summary['lost_attempts']} attempts lost, {len(summary['decisions'])} decisions"
        )


def _lines(decision: Decision, minute: float) -> list[Text]:
    """One line for each channel that a decision is about."""
    lines = []
    for change in decision.changes:
        if change.reason.channel == change.channel:
            line = Text(f"  minute {minute:4.0f}  ", style="dim")
            line.append(f"{change.channel} {change.before:.0%} → {change.after:.0%}  ", style="bold not dim")
            line.append(f"{change.reason.code}: ", style="blue not dim")
            line.append(change.reason.detail, style="not dim")
            lines.append(line)
    return lines
