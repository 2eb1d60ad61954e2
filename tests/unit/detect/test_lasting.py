"""What lasts: small steps that stay are found, ends are no second change, one window is nothing."""

import numpy as np

from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.detect.bank import Window
from foreroute.detect.rows import Rows

RATE = 0.05 / 1440.0
FAULT = slice(400, 425)


def alarms(values: np.ndarray, metric: Metric = Metric.LATENCY_P95) -> np.ndarray:
    rows = Rows()
    rows.take_in([(ChannelId("a"), metric)])
    unknown, no = np.full(1, np.nan), np.zeros(1, dtype=bool)
    found = np.zeros(len(values), dtype=bool)
    for number, value in enumerate(values):
        window = Window(at=60.0 * number, step_s=60.0, values=np.array([value]), counts=unknown, muted=no)
        found[number] = rows.bank.step(window, rate=RATE).alarms[0]
    return found


def noisy(factor: float, *, noise: float = 0.2, level: float = 0.4) -> np.ndarray:
    values = level * np.exp(noise * np.random.default_rng(3).standard_normal(600))
    values[FAULT] *= factor
    return values


def test_a_step_of_twice_the_noise_is_found_although_no_minute_of_it_is_strange() -> None:
    found = alarms(noisy(1.6))
    assert found[FAULT].any()
    assert not found[:400].any()


def test_the_end_of_a_fault_is_no_second_alarm() -> None:
    for factor in (3.0, 0.3):
        found = alarms(noisy(factor, noise=0.08))
        assert found[FAULT].sum() >= 20
        assert not found[428:].any()


def test_traffic_that_dips_for_one_minute_is_no_trouble_and_for_five_it_is() -> None:
    rng = np.random.default_rng(4)
    usual = rng.poisson(400.0, 600).astype(float)
    once, longer = usual.copy(), usual.copy()
    once[400] *= 0.5
    longer[400:406] *= 0.65
    assert not alarms(once, Metric.ATTEMPTS).any()
    assert alarms(longer, Metric.ATTEMPTS)[400:406].any()
