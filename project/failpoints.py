"""Points at which a process ends as by `kill -9`, so that drills can show what a death there leaves behind.

`FAIL_POINT` names one; without it nothing happens. docs/configuration.md lists them for people.
"""

from __future__ import annotations

import os
import signal
from typing import Final

from django.conf import settings

AFTER_INSERT: Final = "after_insert"
BEFORE_COMMIT: Final = "before_commit"
AFTER_ANSWER: Final = "after_answer"
AFTER_COMMIT: Final = "after_commit_before_answer"


def reach(point: str) -> None:
    """End this process at once if `FAIL_POINT` names the point."""
    if point == settings.FAIL_POINT:
        os.kill(os.getpid(), signal.SIGKILL)
