"""Two web processes on one database and one broker, as on two machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.processes import WebProcess
from tests.webs import Pair


@pytest.fixture
def pair(make_web: Callable[..., WebProcess]) -> Pair:
    """Both serve; they share nothing else."""
    return make_web(RATE_LIMITS="off"), make_web(RATE_LIMITS="off")
