"""Webhooks that take everything, one host of them slowly: `python -m tests.benchmarks.webhook_sink`.

It says where they are as JSON on one line, and ends with its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.cores import LOAD_CORE, on_cores
from tests.channel_server import OTHER_HOOK, Say, networks_on_loopback
from tests.processes import ROOT, end

# Seconds that the slow host takes to answer.
SLOW = 6.0


class WebhookSink:
    """The server as a process on the core of those who only take part; `seam` is what a sender has to know of it."""

    def __init__(self) -> None:
        with on_cores(LOAD_CORE):
            self.process = subprocess.Popen(
                [sys.executable, "-m", __name__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self.process.stdout is not None
        names, authority = json.loads(self.process.stdout.readline())
        self.seam = {"STANDS_FOR": json.dumps(names), "SSL_CERT_FILE": authority}

    def stop(self) -> None:
        end(self.process)


def _serve() -> None:
    with tempfile.TemporaryDirectory() as folder, networks_on_loopback(Path(folder)) as networks:
        networks.always[OTHER_HOOK] = Say(seconds=SLOW)
        print(json.dumps([networks.names, str(networks.authority)]), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve()
