"""How fast it is, beside what is known to be fast, in one run: `uv run python -m tests.benchmarks --help`.

Nothing here is collected by pytest, and no test asserts a time. docs/performance.md has the method and the numbers.
"""
