"""Keeps a list of children running, and ends them in order.

A child that ends is started again after a pause that doubles (1 s to 30 s). One that ends five times within two
minutes will not be helped by a sixth start: then everything is stopped, so that whoever runs `up` can see to it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from project.embedded.errors import EmbeddedError
from project.embedded.processes import Child
from project.embedded.signals import Signals

TOO_OFTEN = 5
WITHIN_SECONDS = 120.0
LONGEST_PAUSE = 30.0


@dataclass
class Post:
    """A place that a child fills. Posts of the highest `rank` are ended first, those of one rank together."""

    name: str
    rank: int
    start: Callable[[], Child]
    child: Child | None = None
    ends: list[float] = field(default_factory=list)
    start_at: float = 0.0


class Supervisor:
    """`changed` is called with the running children after each start, `say` with a line for the operator."""

    def __init__(self, signals: Signals, changed: Callable[[list[Child]], None], say: Callable[[str], None]) -> None:
        self.signals = signals
        self.changed = changed
        self.say = say
        self.posts: list[Post] = []

    def add(self, name: str, rank: int, start: Callable[[], Child]) -> Child:
        """Start a child and keep it running from now on."""
        post = Post(name, rank, start)
        self.posts.append(post)
        return self._fill(post)

    def look(self) -> None:
        """Start again what has ended and whose pause is over; `EmbeddedError` when a child ends too often."""
        now = time.monotonic()
        for post in self.posts:
            if post.child is None:
                if now >= post.start_at:
                    self._fill(post)
            elif post.child.ended():
                self._note_end(post, post.child, now)

    def watch(self) -> None:
        """Look after the children until somebody asks to stop (raises `Stopped`)."""
        while True:
            self.look()
            self.signals.pause(0.5)

    def stop(self) -> None:
        """End every child, rank by rank. A second signal means: do not wait for the work in hand."""
        patience = self.signals.count
        for rank in sorted({post.rank for post in self.posts}, reverse=True):
            children = [post.child for post in self.posts if post.rank == rank and post.child]
            for child in children:
                child.ask_to_stop()
            for child in children:
                self._await_end(child, patience)
        self.posts.clear()
        self.changed([])

    def _await_end(self, child: Child, patience: int) -> None:
        deadline = time.monotonic() + child.grace
        while not child.ended():
            hurried = self.signals.count > max(patience, 1) and not child.precious
            if hurried or time.monotonic() > deadline:
                child.kill()
                return
            self.signals.wait(0.05)

    def _fill(self, post: Post) -> Child:
        post.child = post.start()
        self.changed([other.child for other in self.posts if other.child])
        return post.child

    def _note_end(self, post: Post, child: Child, now: float) -> None:
        post.child = None
        post.ends = [moment for moment in post.ends if moment > now - WITHIN_SECONDS] + [now]
        ending = describe_end(child.process.returncode)
        if len(post.ends) >= TOO_OFTEN:
            raise EmbeddedError(f"{post.name} ended {TOO_OFTEN} times within {WITHIN_SECONDS:.0f} s, lastly {ending}.")
        pause = min(2.0 ** (len(post.ends) - 1), LONGEST_PAUSE)
        post.start_at = now + pause
        self.say(f"{post.name} ended {ending}; it is started again in {pause:.0f} s")


def describe_end(returncode: int | None) -> str:
    return f"by signal {-returncode}" if returncode and returncode < 0 else f"with status {returncode}"
