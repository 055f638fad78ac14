"""A hub of Flask-WebSub as a program: `flask_hub.py PORT FOLDER`, port 0 for a free one.

It keeps its subscriptions in the folder. `GET /callbacks?topic=` lists those of a topic, and `POST
/hold?yes=1` makes it think about new subscriptions until `yes=0`.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from celery_like import Queue
from flask import Flask, request
from flask_websub.hub import Hub, SQLite3HubStorage
from serve_app import serve_app


def make(folder: Path) -> Flask:
    app = Flask(__name__)
    app.config["PUBLISH_SUPPORTED"] = True
    hub = Hub(SQLite3HubStorage(str(folder / "hub.db")), Queue(), BACKOFF_BASE=0.2)
    app.register_blueprint(hub.build_blueprint("/hub"))
    decided = threading.Event()
    decided.set()
    pinged: list[str] = []

    @hub.register_validator
    def think(*_: Any) -> None:
        decided.wait()

    @app.before_request
    def note() -> None:
        if request.form.get("hub.mode") == "publish":
            pinged.append(request.form["hub.topic"])

    @app.post("/hold")
    def hold() -> str:
        (decided.clear if request.args["yes"] == "1" else decided.set)()
        return ""

    @app.get("/callbacks")
    def callbacks() -> Any:
        found = hub.storage.get_callbacks(request.args["topic"])
        return [{"callback": url, "signed": bool(secret)} for url, secret in found]

    @app.get("/pinged")
    def pings() -> Any:
        return pinged

    return app


if __name__ == "__main__":
    serve_app(make(Path(sys.argv[2])), int(sys.argv[1]))
