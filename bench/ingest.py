"""What publishing to hubbub is compared with: a server that does nothing, and NATS JetStream."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from bench.machine import OUT, SERVER_CPU, find_program
from bench.process import Process, free_port, running, wait_listening
from bench.servers import TOPIC, Missing, payload


@contextlib.contextmanager
def bare() -> Generator[tuple[Process, int]]:
    """Run uvicorn with bare.py; give its port."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(port)]
    command += ["--http", "httptools", "--loop", "uvloop", "--no-access-log"]
    command += ["--log-level", "warning"]
    with running(command, cpu=SERVER_CPU) as process:
        wait_listening(process, port)
        yield process, port


@contextlib.contextmanager
def nats() -> Generator[tuple[Process, int, bytes]]:
    """Run NATS with one file stream that syncs every message; give its port and a publish."""
    program = find_program("nats-server")
    if program is None:
        raise Missing("nats: not fetched; scripts/bench-peers tries to")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=OUT) as place:
        port = free_port()
        settings = Path(place, "nats.conf")
        settings.write_text(
            f'listen: "127.0.0.1:{port}"\n'
            f'jetstream {{ store_dir: "{place}/js", sync_interval: always }}\n'
        )
        with running([program, "-c", str(settings)], cpu=SERVER_CPU) as process:
            wait_listening(process, port)
            _create_stream(port)
            body = payload()
            head = f"PUB {TOPIC} inbox.{'#' * 12} {len(body)}\r\n".encode()
            yield process, port, head + body + b"\r\n"


def _create_stream(port: int) -> None:
    wanted = {
        "name": TOPIC,
        "subjects": [TOPIC],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": 1,
    }
    body = json.dumps(wanted)
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(
            b'CONNECT {"verbose":false}\r\nSUB made 1\r\n'
            + f"PUB $JS.API.STREAM.CREATE.{TOPIC} made {len(body)}\r\n{body}\r\n".encode()
        )
        said = b""
        while b"MSG made" not in said or b"}\r\n" not in said.split(b"MSG made", 1)[1]:
            more = connection.recv(65536)
            if not more:
                break
            said += more
    if b'"error"' in said or b"MSG made" not in said:
        raise RuntimeError(f"nats: no stream: {said.decode(errors='replace')}")
