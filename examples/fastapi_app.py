"""The gateway inside a FastAPI application, and a page that is live without any other server.

    pip install hubbub fastapi
    python -m uvicorn --app-dir examples fastapi_app:app

Then open http://127.0.0.1:8000/ in two windows, and pay in one of them.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from hubbub import Hub

PAGE = """<!doctype html>
<title>Orders</title>
<h1>Orders</h1>
<button>Pay order 42</button>
<ul></ul>
<script>
  document.querySelector("button").onclick = () => fetch("/orders/42/pay", { method: "POST" });
  new EventSource("/hub/topics/orders/*?last=10").onmessage = (message) => {
    const { topic, type, position } = JSON.parse(message.data);
    const item = document.createElement("li");
    item.textContent = `${topic}: ${type} at ${position}`;
    document.querySelector("ul").prepend(item);
  };
</script>
"""

hub = Hub()  # in memory; Hub(store="sqlite:///orders.db") keeps the events
app = FastAPI(lifespan=hub.lifespan)
app.mount("/hub", hub.asgi)


@app.get("/")
async def page() -> HTMLResponse:
    """Show what is paid, as it is paid."""
    return HTMLResponse(PAGE)


@app.post("/orders/{number}/pay")
async def pay(number: int) -> dict[str, str]:
    """Pay, and tell whoever is listening."""
    published = await hub.publish(f"orders/{number}", {"paid": True}, type="shop.order.paid")
    return {"position": str(published.position)}
