"""The tests of fits on Ray, run where Ray is installed."""

import pytest
from tests.integration.suites.apart import pass_apart


@pytest.mark.slow
@pytest.mark.service("ray")
async def test_fits_on_ray() -> None:
    await pass_apart("ray", ("tests/integration/test_ray_pool.py",), within_s=300.0)
