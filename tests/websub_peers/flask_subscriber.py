"""A subscriber of Flask-WebSub as a program: `flask_subscriber.py PORT FOLDER [strict]`.

It takes loopback for secure, as browsers do, so that it gives secrets to hubs there; with `strict` it
does not, and tries https first. What it is told to do and what it has got is JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import flask_websub.subscriber
import requests
from flask import Flask, request
from flask_websub.errors import FlaskWebSubError
from flask_websub.subscriber import (
    SQLite3SubscriberStorage,
    SQLite3TempSubscriberStorage,
    Subscriber,
    discover,
)
from flask_websub.subscriber.discovery import Finished, LinkParser
from serve_app import serve_app


def loopback_is_secure(url: str) -> bool:
    return url.startswith(("https://", "http://127.0.0.1"))


def make(folder: Path) -> Flask:
    app = Flask(__name__)
    app.config["AUTO_SET_SECRET"] = False
    subscriber = Subscriber(
        SQLite3SubscriberStorage(str(folder / "subscriber.db")),
        SQLite3TempSubscriberStorage(str(folder / "asked.db")),
    )
    app.register_blueprint(subscriber.build_blueprint("/callbacks"))
    got: dict[str, list[Any]] = {"posts": [], "verified": [], "succeeded": [], "failed": []}

    @app.before_request
    def note() -> None:
        if request.method == "POST" and request.path.startswith("/callbacks/"):
            got["posts"].append(request.path.rpartition("/")[2])

    @subscriber.add_listener
    def verified(topic: str, id: str, body: bytes) -> None:
        got["verified"].append(
            {
                "topic": topic,
                "id": id,
                "body": body.decode("latin-1"),
                "type": request.headers.get("Content-Type", ""),
                "link": request.headers.get("Link", ""),
                "signature": request.headers.get("X-Hub-Signature", ""),
            }
        )

    @subscriber.add_success_handler
    def succeeded(topic: str, id: str, mode: str) -> None:
        got["succeeded"].append({"topic": topic, "id": id, "mode": mode})

    @subscriber.add_error_handler
    def failed(topic: str, id: str, reason: str) -> None:
        got["failed"].append({"topic": topic, "id": id, "reason": reason})

    @app.errorhandler(FlaskWebSubError)
    def refused(error: FlaskWebSubError) -> Any:
        return {"error": str(error)}, 502

    @app.post("/discover")
    def discovering() -> Any:
        return discover(request.json["url"], timeout=10)

    @app.post("/discover-inside")
    def discovering_inside() -> Any:
        """Discover as if there were no Link headers."""
        parser = LinkParser()
        parser.hub_url = parser.topic_url = None
        try:
            parser.feed(requests.get(request.json["url"], timeout=10).text)
        except Finished:
            pass
        return {"hub_url": parser.hub_url, "topic_url": parser.topic_url}

    @app.post("/subscribe")
    def subscribe() -> Any:
        return {"id": subscriber.subscribe(**request.json)}

    @app.post("/renew")
    def renew() -> Any:
        return {"id": subscriber.renew(request.json["id"])}

    @app.post("/unsubscribe")
    def unsubscribe() -> Any:
        subscriber.unsubscribe(request.json["id"])
        return {}

    @app.get("/got")
    def told() -> Any:
        return got

    return app


if __name__ == "__main__":
    if "strict" not in sys.argv:
        flask_websub.subscriber.is_secure = loopback_is_secure
    serve_app(make(Path(sys.argv[2])), int(sys.argv[1]))
