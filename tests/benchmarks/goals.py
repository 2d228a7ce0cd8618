"""What a row has to reach, each goal a sentence and a test of the row's results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tests.benchmarks.measure import Results


class Goal(Protocol):
    @property
    def of(self) -> str:
        """The target that the goal is about."""
        ...

    def sentence(self) -> str: ...

    def is_met(self, results: Results) -> bool: ...


@dataclass(frozen=True)
class Share:
    """At least `least` of the rate of another target; `why` says where a number comes from that is no round one."""

    of: str
    beside: str
    least: float
    why: str = ""

    def sentence(self) -> str:
        share = f"{self.least:.0%}" if self.least >= 0.2 else f"{self.least:.1%}"
        return f"≥ {share} of {self.beside}" + (f" ({self.why})" if self.why else "")

    def is_met(self, results: Results) -> bool:
        return results[self.of].share_of(results[self.beside]) >= self.least


@dataclass(frozen=True)
class Within:
    """A typical answer within some milliseconds."""

    of: str
    milliseconds: float

    def sentence(self) -> str:
        return f"≤ {self.milliseconds:g} ms"

    def is_met(self, results: Results) -> bool:
        return results[self.of].p50 <= self.milliseconds


@dataclass(frozen=True)
class Memory:
    """No more resident memory than this, in MiB."""

    of: str
    most: float

    def sentence(self) -> str:
        return f"≤ {self.most:g} MiB"

    def is_met(self, results: Results) -> bool:
        memory = results[self.of].memory
        return memory is not None and memory <= self.most
