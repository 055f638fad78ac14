"""The page of `/hub` for people. Everything that comes from elsewhere is escaped, and nothing runs."""

from __future__ import annotations

from html import escape
from typing import Any, Final, cast

import msgspec

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
code, pre, input { font: 14px/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8885; border-radius: 6px; }
label { display: block; margin: .75rem 0; }
input { box-sizing: border-box; width: 100%; padding: .4rem; }
button { padding: .4rem 1rem; }
.why { padding: .75rem 1rem; border-left: 4px solid #3478c6; background: #8881; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0;
  overflow-wrap: anywhere; }
"""

_WORDS: Final = {
    "topic": "Topic",
    "callback": "Callback",
    "state": "State",
    "expires": "Lease ends",
    "method": "Signed with",
    "waiting": "Seconds behind",
    "subscriptions": "Subscriptions",
}


def render(hub: str, topic: str, callback: str, told: Any) -> bytes:
    """Write the page: what was found, if something was asked for, and a form to ask with."""
    found = "" if told is None else _told(msgspec.to_builtins(told))
    lines = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>WebSub hub</title><style>{_STYLE}</style>",
        "<h1>WebSub hub</h1>",
        found,
        "<h2>Does it push?</h2>",
        '<form method="get">',
        _field("topic", "Topic", topic, "https://blog.example/feed.xml", "required"),
        _field("callback", "Callback (none: the topic as a whole)", callback, "", ""),
        "<button>Look it up</button></form>",
        "<h2>For publishers and subscribers</h2>",
        "<p>Advertise this hub in your feed, and tell it when the feed has changed:</p>",
        f"<pre>{escape(_PUBLISH.format(hub=hub))}</pre>",
        "<p>To subscribe:</p>",
        f"<pre>{escape(_SUBSCRIBE.format(hub=hub))}</pre>",
    ]
    return "\n".join(line for line in lines if line).encode()


_PUBLISH: Final = """<link rel="hub" href="{hub}">

curl {hub} -d hub.mode=publish -d hub.topic=https://blog.example/feed.xml"""

_SUBSCRIBE: Final = """curl {hub} -d hub.mode=subscribe \\
  -d hub.topic=https://blog.example/feed.xml -d hub.callback=https://reader.example/push/123"""


def _field(name: str, label: str, value: str, hint: str, more: str) -> str:
    return (
        f'<label>{escape(label)}<input name="{name}" type="url" value="{escape(value)}"'
        f' placeholder="{escape(hint)}" {more}></label>'
    )


def _told(told: dict[str, Any]) -> str:
    rows = [(word, told[name]) for name, word in _WORDS.items() if told.get(name)]
    rows += [(f"Fetch: {name}", value) for name, value in told.get("fetched", {}).items()]
    parts = [f'<p class="why">{escape(told["why"])}</p>', _table(rows)]
    if attempts := told.get("attempts"):
        parts += ["<h3>Last attempts</h3>", _list(attempts, ("at", "outcome", "status", "detail"))]
    if callbacks := told.get("callbacks"):
        parts += ["<h3>Callbacks</h3>", _list(callbacks, ("callback", "state", "expires", "why"))]
    return "\n".join(parts)


def _table(rows: list[tuple[str, Any]]) -> str:
    lines = [f"<tr><th>{escape(name)}<td>{escape(_text(value))}" for name, value in rows]
    return f"<table>{''.join(lines)}</table>"


def _list(items: list[dict[str, Any]], names: tuple[str, ...]) -> str:
    head = "".join(f"<th>{name}" for name in names)
    lines = [
        "<tr>" + "".join(f"<td>{escape(_text(item.get(name, '')))}" for name in names)
        for item in items
    ]
    return f"<table><tr>{head}{''.join(lines)}</table>"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        counts = cast("dict[str, Any]", value)
        return ", ".join(f"{count} {name}" for name, count in counts.items())
    return str(value)
