// One stream of events that says in words how it is.
//
// EventSource comes back by itself after a lost connection and resumes with Last-Event-ID. It gives
// up on an answer that is no stream (401, 503 ...): then this asks once for the reason, tells it,
// and goes on trying only where trying again may help.

const RETRY_MS = 3000; // after an answer that named no Retry-After

/**
 * Listen to `address` (a URL of the gateway). `on` has:
 * `event(text, position)`, `gap({requested, resumes_at})`, `state(word, detail)` with one of
 * connecting, catching-up, live, reconnecting, refused. Returns a function that stops.
 */
export function listen(address, on) {
  let source = null;
  let timer = 0;
  let last = "";
  let stopped = false;

  function open() {
    const url = new URL(address);
    url.searchParams.set("control", "true"); // have hubbub say when history has become live
    if (last) {
      url.searchParams.delete("last");
      url.searchParams.set("last_event_id", last);
    }
    on.state(last ? "reconnecting" : "connecting");
    source = new EventSource(url);
    source.onopen = () => on.state("catching-up");
    source.onmessage = (message) => {
      last = message.lastEventId || last;
      on.event(message.data, message.lastEventId);
    };
    source.addEventListener("hubbub.live", () => on.state("live"));
    source.addEventListener("hubbub.gap", (message) => on.gap(JSON.parse(message.data)));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        explain();
      } else {
        on.state("reconnecting");
      }
    };
  }

  async function explain() {
    const { status, detail, retryAfter } = await whyNot(address);
    if (stopped) return;
    if (status >= 400 && status < 500 && status !== 429) {
      on.state("refused", detail, status);
    } else {
      on.state("reconnecting", detail);
      timer = setTimeout(open, retryAfter ?? RETRY_MS);
    }
  }

  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    source.close();
  };
}

/** Ask for one event of history in the stream's place: its refusal has a reason in words. */
async function whyNot(address) {
  const url = new URL(address);
  url.searchParams.delete("last");
  url.searchParams.set("limit", "1");
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    const seconds = Number(answer.headers.get("Retry-After"));
    return {
      status: answer.status,
      detail: answer.ok ? "" : await problem(answer),
      retryAfter: seconds > 0 ? seconds * 1000 : undefined,
    };
  } catch {
    return { status: 0, detail: "the server cannot be reached" };
  }
}

/** Read the detail of a problem document (RFC 9457); any other answer is its status. */
export async function problem(answer) {
  try {
    const { title, detail } = await answer.json();
    return detail || title || `status ${answer.status}`;
  } catch {
    return `status ${answer.status}`;
  }
}
