"""`python -m bench [NAME ...]`: run benchmarks and print their tables."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from bench import machine
from bench.servers import STARTERS, TRANSPORTS, Missing

NAMES = ("fanout", "memory", "publish", "catchup", "index", "deliveries", "websub")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, prepare the machine, run what was asked for."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    limit = machine.raise_open_files()
    machine.build()
    print(machine.describe())
    print(limit, flush=True)
    failed = False
    for name in options.names or NAMES:
        try:
            importlib.import_module(f"bench.{name}").run(options)
        except (Missing, RuntimeError) as reason:
            failed = True
            print(f"failed: {name}: {reason}", file=sys.stderr)
    print(f"load average at the end: {os.getloadavg()[0]:.2f}")
    sys.exit(failed)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """Leave by way of every `with`, so that the servers are stopped."""
    sys.exit(143)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="a minute: small, rough")
    parser.add_argument("--servers", type=_list, default=list(STARTERS), help="comma-separated")
    parser.add_argument("--transports", type=_list, default=list(TRANSPORTS))
    parser.add_argument("--connections", type=_numbers, help="of fan-out, default 1000,10000")
    parser.add_argument("--idle", type=int, help="connections whose memory is weighed")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; medians are reported")
    parser.add_argument("--deliveries", type=int, help="of one event each, per fan-out round")
    parser.add_argument("--seconds", type=float, help="per publish round")
    parser.add_argument("--records", type=int, help="in the log that is caught up with")
    parser.add_argument("--clients", type=int, help="that resume at once")
    parser.add_argument("--others", type=int, help="subscriptions to other topics")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark named {', '.join(unknown)}: {', '.join(NAMES)}")
    if unknown := set(options.servers) - set(STARTERS):
        parser.error(f"no server named {', '.join(unknown)}: {', '.join(STARTERS)}")
    sizes = {
        "connections": ([1000, 10_000], [1000]),
        "idle": (10_000, 1000),
        "rounds": (5, 3),
        "deliveries": (50_000, 20_000),
        "seconds": (1.5, 0.7),
        "records": (500_000, 50_000),
        "clients": (5000, 500),
        "others": (100_000, 10_000),
    }
    for name, (full, quick) in sizes.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else full)
    return options


def _list(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in _list(text)]


if __name__ == "__main__":
    main()
