"""What the tuner keeps of one channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foreroute.core.attempt import Attempt
from foreroute.core.limits import UNTIMED, Parameter, Setting
from foreroute.heal.tuning.canary import Arm
from foreroute.heal.tuning.memory import DAY_S, Memory
from foreroute.heal.tuning.samples import NOT_USERS, Sample, samples_of
from foreroute.heal.tuning.shadow import Shadow
from foreroute.heal.tuning.traffic import Traffic

_USUAL_MIN: Final = 20


@dataclass(slots=True, kw_only=True)
class Trial:
    """A setting on its way in. `split`: a part of the requests tries it; else all do, and before is compared."""

    name: str
    parameter: Parameter
    old: Setting
    new: Setting
    started_at: float
    split: bool
    reason: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    was_tuned: bool = False
    """The old value was tuned too; else it is the configured one."""
    actor: str = "tuner"
    arm: Arm = field(default_factory=Arm)
    control: Arm = field(default_factory=Arm)


@dataclass(slots=True)
class Hold:
    """After a rollback: left alone until then, longer each time."""

    until_at: float
    rollbacks: int


@dataclass(slots=True)
class ChannelState:
    memory: Memory = field(default_factory=Memory)
    traffic: Traffic = field(default_factory=Traffic)
    settings: dict[Parameter, Setting] = field(default_factory=dict)
    """In force. A parameter that is missing is as configured."""
    by_hand: set[Parameter] = field(default_factory=set)
    """Approved by an operator: they stay though the stage would not let them come."""
    approved: set[Parameter] = field(default_factory=set)
    streaks: dict[Parameter, tuple[bool, int]] = field(default_factory=dict)
    """Which way a parameter is wanted to go, and for how many rounds in a row."""
    holds: dict[Parameter, Hold] = field(default_factory=dict)
    bases: dict[Parameter, Setting] = field(default_factory=dict)
    """What was configured when a parameter was tuned first."""
    trial: Trial | None = None
    shadow: Shadow | None = None
    shaded: dict[Parameter, float] = field(default_factory=dict)
    """When a proposal of each was watched last."""
    changed_at: float | None = None
    loosened_at: dict[Parameter, float] = field(default_factory=dict)
    """When each timeout was made longer last."""
    usual: dict[tuple[Parameter, int], float] = field(default_factory=dict)
    """The median duration of each size class, as of the last round."""

    def observe(self, attempt: Attempt) -> None:
        samples = samples_of(attempt)
        for sample in samples:
            self.memory.add(sample, attempt.ended_at)
            if self.shadow is not None:
                self.shadow.see(sample, attempt.started_at)
        ratio = self._slow_ratio(samples)
        self.traffic.observe(attempt, ratio)
        self.witness(attempt, ratio)

    def witness(self, attempt: Attempt, ratio: float | None) -> None:
        """What an attempt says of the trial that runs, if one does."""
        trial = self.trial
        if trial is None or attempt.started_at < trial.started_at or attempt.reason in NOT_USERS:
            return
        if attempt.asked.endpoint in UNTIMED:
            return
        if not trial.split or attempt.canary == trial.name:
            trial.arm.add(attempt, ratio)
        elif not attempt.canary and not attempt.leash:
            trial.control.add(attempt, ratio)

    def refresh(self, at: float) -> None:
        """Lets go of what is old, and takes the day's medians anew."""
        self.memory.forget(at)
        self.traffic.forget(at)
        self.usual = {}
        for parameter in (Parameter.FIRST_CHUNK, Parameter.TOTAL):
            for size, one in self.memory.sized(parameter, DAY_S, at):
                middle = one.survival.quantile(0.5) if one.survival.ended >= _USUAL_MIN else None
                if middle is not None and middle.reached:
                    self.usual[parameter, size] = middle.value_s

    def dump(self) -> dict[str, Any]:
        """A trial is not kept: a restart ends it, and what was in force before is in force."""
        return {
            "memory": self.memory.dump(),
            "traffic": self.traffic.dump(),
            "settings": {name.value: packed(one) for name, one in self.kept_settings().items()},
            "bases": {name.value: packed(one) for name, one in self.bases.items()},
            "by_hand": sorted(self.by_hand),
            "holds": {name.value: [one.until_at, one.rollbacks] for name, one in self.holds.items()},
            "changed_at": self.changed_at,
        }

    def kept_settings(self) -> dict[Parameter, Setting]:
        """Those that are proven: of a trial that all requests take part in, the value before."""
        kept, trial = dict(self.settings), self.trial
        if trial is not None and not trial.split:
            if trial.was_tuned:
                kept[trial.parameter] = trial.old
            else:
                kept.pop(trial.parameter, None)
        return kept

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "ChannelState":
        """Raises KeyError, TypeError, ValueError or AttributeError on what `dump` did not write."""
        state = cls()
        state.memory.load(fields["memory"])
        state.traffic.load_rows(fields["traffic"])
        state.settings = {Parameter(name): unpacked(one) for name, one in fields["settings"].items()}
        state.bases = {Parameter(name): unpacked(one) for name, one in fields["bases"].items()}
        state.by_hand = {Parameter(name) for name in fields["by_hand"]}
        state.holds = {
            Parameter(name): Hold(float(until_at), int(count))
            for name, (until_at, count) in fields["holds"].items()
        }
        changed_at = fields["changed_at"]
        state.changed_at = None if changed_at is None else float(changed_at)
        return state

    def _slow_ratio(self, samples: list[Sample]) -> float | None:
        """Against the usual for its size: to the first chunk of a stream, else to the end."""
        for sample in samples:
            if sample.parameter in (Parameter.FIRST_CHUNK, Parameter.TOTAL) and not sample.cut:
                usual_s = self.usual.get((sample.parameter, self.memory.size_of(sample.tokens)))
                return None if usual_s is None else sample.seconds / usual_s
        return None


def packed(one: Setting) -> list[float | None]:
    return [one.base, one.per_token, one.usual_tokens, None if one.most == float("inf") else one.most]


def unpacked(fields: Any) -> Setting:
    """Raises TypeError or ValueError on what `packed` did not write."""
    base, per_token, usual, most = fields
    return Setting(float(base), float(per_token), float(usual), float("inf") if most is None else float(most))
