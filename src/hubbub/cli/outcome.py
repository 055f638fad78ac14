"""How a command ends: an exit code, and for a failure one sentence with the next step."""

from __future__ import annotations

import asyncio
import functools
import os
import select
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, ParamSpec, TypeVar

import msgspec
import typer

from hubbub.core.errors import HubbubError, Malformed

REFUSED: Final = 1
WRONG_USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130

LOOK_INTERVAL: Final = 0.5
"""Seconds between two looks whether our output is still read."""

P = ParamSpec("P")
T = TypeVar("T")


def reported(command: Callable[P, int | None]) -> Callable[P, None]:
    """Make a command end with its exit code, and its errors with theirs; never a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs) or 0
            sys.stdout.flush()
        except HubbubError as error:
            complain(sentence(error))
            code = exit_code(error)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:
            # Whoever read us has enough (`hubbub listen | head`); nothing is left to flush to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        raise typer.Exit(code)

    return run


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop of its own, uvloop's where there is one."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - not on every platform
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


async def first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until the first of them ends, then cancel the others."""
    tasks = [asyncio.create_task(one) for one in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def output_closed() -> None:
    """Wait until nobody reads our standard output any more, as after `hubbub listen | head`."""
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)  # that the other end is gone is told unasked
    while not watched.poll(0):  # noqa: ASYNC110 - a reader on the loop would make it non-blocking
        await asyncio.sleep(LOOK_INTERVAL)


def complain(text: str) -> None:
    """Print one line to standard error."""
    print(f"hubbub: {printable(text)}", file=sys.stderr)


def printable(text: str) -> str:
    """Escape what could move the cursor of a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_json(answer: object) -> None:
    """Print a server's answer for a program to read, indented for people who look at it."""
    print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())


def exit_code(error: HubbubError) -> int:
    """Return the exit code of an error; what is malformed was our own caller's, hence usage."""
    return WRONG_USAGE if isinstance(error, Malformed) else error.exit_code


def sentence(error: HubbubError) -> str:
    """Say what went wrong and what to do next."""
    detail = error.detail.rstrip(".")
    status = error.status if error.kind == "refused" else 0
    if error.exit_code == UNREACHABLE:
        return f"{detail}; start it with hubbub serve, or name another by --url or HUBBUB_URL"
    if status == 401:  # noqa: PLR2004
        return f"the server refused: {detail}; pass a token by --token or HUBBUB_TOKEN"
    if status:
        return f"the server refused ({status} {error.title}): {detail}{_place(error)}"
    return detail


def _place(error: HubbubError) -> str:
    """Say where in the document it is, if a refusal (`client.errors.Refused`) names one place."""
    problem: Mapping[str, Any] = getattr(error, "problem", {})
    match problem.get("errors"):
        case [{"pointer": str(pointer)}]:
            return f" (at {pointer})"
        case _:
            return ""
