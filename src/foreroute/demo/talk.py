"""What the demo says while it runs. Stdout keeps quiet: all of it goes to stderr."""

from typing import Any

from rich.console import Console
from rich.text import Text

from foreroute.control.state import Board
from foreroute.core.decision import Decision


class Talk:
    """`quiet` says only what the run cannot do without. `tick` is called on the control thread."""

    def __init__(self, *, quiet: bool, speed: float) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._speed = speed
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def greet(self, gateway: str, dashboard: str | None, route: str, trace: str) -> None:
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
        say(f"  clock            {self._speed:g} simulated seconds per second: a minute passes in a second\n")
        say(
            "What will happen: in a few seconds azure-us-east begins to slow down, little by little. Around second 20"
        )
        say(
            "the forecast sees that it will miss its 900 ms objective, and its traffic moves before that happens."
        )
        say(
            "At second 36 gcp-us-east starts to fail out of the blue: breaker and playbook take over. Ctrl-C ends it.\n"
        )

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
