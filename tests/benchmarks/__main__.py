"""`python -m tests.benchmarks`: measure, print the table, and with `--output` put it into a document."""

from __future__ import annotations

import argparse
import os
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

from tests.benchmarks import machine, report
from tests.benchmarks.cores import prefer
from tests.benchmarks.ground import Ground
from tests.benchmarks.measure import Results, take_turns
from tests.benchmarks.rows import ROWS
from tests.benchmarks.rows.row import Row
from tests.benchmarks.tools import MachineUnfit, check_machine

ROUNDS, SECONDS = 9, 1


def main() -> int:
    """Return 0 when all goals are met, 1 when one is not, 2 when this machine cannot measure."""
    options = _parser().parse_args()
    rows = [row for row in ROWS if not options.rows or any(fnmatch(row.name, wanted) for wanted in options.rows)]
    if options.list or not rows:
        print("\n".join(f"{row.name:20} {row.title}" for row in ROWS))
        return 0 if options.list else 2
    try:
        check_machine()
    except MachineUnfit as verdict:
        print(verdict, file=sys.stderr)
        return 2
    with Ground() as ground:
        _say("The ground is laid.")
        done = [(row, _measure(row, ground, options)) for row in rows]
        described = machine.describe(ground, options.rounds, options.seconds)
    measured = report.table(done)
    print(f"{described}\n\n{measured}")
    if options.output:
        report.write(options.output, options.place, described, measured)
    missed = report.unmet(done)
    _say("\n".join(["Not met:", *missed]) if missed else "All goals are met.")
    return 1 if missed else 0


def _measure(row: Row, ground: Ground, options: argparse.Namespace) -> Results:
    _say(f"{row.title}:")
    begin = time.monotonic()
    targets = row.targets(ground)
    if options.first:
        prefer([os.getpid(), *ground.processes()])
    rounds = min(options.rounds, row.rounds or options.rounds)
    results = take_turns(targets, rounds, options.seconds, ground.settle, _say)
    _say(f"  {time.monotonic() - begin:.0f} s")
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names, also with *; all unless asked otherwise")
    parser.add_argument("--list", action="store_true", help="name the rows, measure nothing")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each turn")
    parser.add_argument("--first", action="store_true", help="be served before all else on this machine (as root)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a document with a marked place for the table")
    parser.add_argument("--place", default="measured", help="the name of that place (measured, mail, sharing)")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
