"""What the demo says in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from hubbub.demo.gateway import Gateway
from hubbub.demo.quakes import Quake


class Words:
    """Speaks while the week goes by: a bar on a terminal, and a line for each day anywhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
        )
        self._today: list[Quake] = []

    def say(self, text: str = "", style: str = "") -> None:
        """Print text as it is."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def welcome(self, gateway: Gateway, quakes: Sequence[Quake], seconds: float) -> None:
        """Say what is going on and how to see it."""
        self.say()
        self.say("hubbub demo: a real week of earthquakes", "bold")
        self.say(
            f"{len(quakes):,} events of the U.S. Geological Survey, {_day(quakes[0])} to"
            f" {_day(quakes[-1])} 2018, replayed in {seconds:.0f} seconds:\npublished over HTTP one by"
            " one, each on disk before the next. The gateway is `hubbub serve`,\nprocess"
            f" {gateway.process.pid}; its events and its log are in {gateway.folder}"
        )
        self.say()
        self.say(f"    Watch it: {gateway.url}/", "bold")
        self.say()
        self.say("Or in another terminal:")
        for what, line in lines(gateway.url):
            self.say(f"  {what}", "dim")
            self.say(f"    {line}")
        self.say()

    @contextmanager
    def bar(self, total: int) -> Generator[None]:
        """Show how far the week is."""
        self._progress.add_task("the week", total=total)
        with self._progress:
            yield
            self._day_is_over()

    def report(self, quake: Quake) -> None:
        """Take note of an earthquake that is durable now."""
        if self._today and self._today[-1].time[:10] != quake.time[:10]:
            self._day_is_over()
        self._today.append(quake)
        when = datetime.fromtimestamp(quake.seconds, UTC)
        for task in self._progress.task_ids:
            self._progress.update(task, advance=1, description=f"{when:%a %d %b %H:%M}")

    def _day_is_over(self) -> None:
        strongest = max(self._today, key=lambda quake: quake.mag)
        self.say(
            f"{_day(strongest):>6}  {len(self._today):>4} events,"
            f" the strongest {strongest.mag:.1f}, {strongest.place}"
        )
        self._today.clear()


def _day(quake: Quake) -> str:
    when = datetime.fromtimestamp(quake.seconds, UTC)
    return f"{when.day} {when:%b}"


def lines(url: str) -> list[tuple[str, str]]:
    """Return what to try, each with its line for a POSIX shell."""
    topic = f"{url}/topics/earthquakes"
    strong = " --data-urlencode 'filter=magnitude >= 5'"
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return [
        (
            "live, as Server-Sent Events",
            f"curl -N '{topic}/*' -H 'Accept: text/event-stream'",
        ),
        (
            "the strong ones, from the beginning and then live",
            f"curl -N -G '{topic}/*' -H 'Accept: text/event-stream' -d since=earliest{strong}",
        ),
        (
            "live, as a WebSocket",
            f"{python} -m websockets 'ws{topic.removeprefix('http')}/*'",
        ),
        ("history: the last three", f"curl '{topic}/*?last=3'"),
        ("join in", f"curl '{url}/topics/hello/world' --json '{{\"greeting\": \"hi\"}}'"),
    ]
