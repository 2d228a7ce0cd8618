"""Rounds in which every target has its turn, and what comes of them: medians, and ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Sample:
    """What one turn gave: answers a second, milliseconds at two percentiles, answers that were none.

    `memory` in MiB, where it is memory that is looked at; `note` a fact for the table.
    """

    rate: float
    p50: float
    p99: float
    errors: int = 0
    memory: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Target:
    """Something whose turn comes: `measure` asks it for some seconds."""

    name: str
    measure: Callable[[int], Sample]


@dataclass
class Series:
    """All turns of one target."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(sample.rate for sample in self.samples)

    @property
    def range(self) -> tuple[float, float]:
        rates = [sample.rate for sample in self.samples]
        return min(rates), max(rates)

    @property
    def p50(self) -> float:
        return median(sample.p50 for sample in self.samples)

    @property
    def p99(self) -> float:
        return median(sample.p99 for sample in self.samples)

    @property
    def errors(self) -> int:
        return sum(sample.errors for sample in self.samples)

    @property
    def memory(self) -> float | None:
        found = [sample.memory for sample in self.samples if sample.memory is not None]
        return max(found) if found else None

    @property
    def note(self) -> str:
        return self.samples[-1].note

    def share_of(self, other: Series) -> float:
        """Return the median over rounds of this rate as a share of the other's in the same round."""
        return median(mine.rate / its.rate for mine, its in zip(self.samples, other.samples, strict=True))


Results = dict[str, Series]


def take_turns(
    targets: Sequence[Target], rounds: int, seconds: int, settle: Callable[[], None], say: Callable[[str], None]
) -> Results:
    """Give every target one turn a round, each round beginning with another; `settle` is called before each turn."""
    results: Results = {target.name: Series() for target in targets}
    for number in range(rounds):
        first = number % len(targets)
        for target in _rotated(targets, first):
            settle()
            sample = target.measure(seconds)
            results[target.name].samples.append(sample)
            say(f"  round {number + 1}: {target.name}: {sample.rate:,.0f}/s, {sample.errors} errors")
    return results


def _rotated(targets: Sequence[Target], first: int) -> Iterable[Target]:
    return [*targets[first:], *targets[:first]]
