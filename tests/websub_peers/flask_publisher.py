"""A publisher of Flask-WebSub as a program: `flask_publisher.py PORT`, port 0 for a free one.

`PUT /pages/NAME?hub=URL` puts a page there, with its Content-Type; `POST /pages/NAME/ping` tells its
hub; `GET /fetched` counts who fetched what: path, status, whether it was conditional, User-Agent.
"""

from __future__ import annotations

import sys
from typing import Any

import requests
from flask import Flask, Response, abort, request
from flask_websub.publisher import init_publisher, publisher
from serve_app import serve_app


def make() -> Flask:
    app = Flask(__name__)
    init_publisher(app)
    pages: dict[str, tuple[str, bytes, str]] = {}
    fetched: list[dict[str, Any]] = []

    @app.put("/pages/<name>")
    def put(name: str) -> str:
        pages[name] = request.args["hub"], request.get_data(), request.headers["Content-Type"]
        return ""

    @app.get("/pages/<name>")
    def get(name: str) -> Response:
        if name not in pages:
            abort(404)
        hub, body, kind = pages[name]

        @publisher(self_url=request.base_url, hub_url=hub)
        def view() -> Response:
            made = Response(body, headers={"Content-Type": kind})
            made.add_etag()
            return made.make_conditional(request)

        made = view()
        fetched.append(
            {
                "name": name,
                "status": made.status_code,
                "conditional": "If-None-Match" in request.headers,
                "agent": request.headers.get("User-Agent", ""),
            }
        )
        return made

    @app.post("/pages/<name>/ping")
    def ping(name: str) -> Any:
        topic = request.base_url.removesuffix("/ping")
        form = {"hub.mode": "publish", "hub.topic": topic}
        answer = requests.post(pages[name][0], data=form, timeout=10)
        return {"status": answer.status_code}

    @app.get("/fetched")
    def told() -> Any:
        return fetched

    return app


if __name__ == "__main__":
    serve_app(make(), int(sys.argv[1]))
