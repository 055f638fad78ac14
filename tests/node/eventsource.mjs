// Listens with the package eventsource and prints a line of JSON for whatever happens.
//   node eventsource.mjs URL [TOKEN]

import { EventSource } from "eventsource";

process.stdin.resume(); // a wait for the next connection alone does not keep Node.js running
process.stdin.on("end", () => process.exit());

const [url, token] = process.argv.slice(2);
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const source = new EventSource(url, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
});

const print = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const show = ({ type, data, lastEventId }) => print({ type, data, lastEventId });

source.onopen = () => print({ open: true });
source.onerror = ({ code }) => print({ error: code ?? null, gone: source.readyState === 2 });
source.onmessage = show;
for (const type of ["hubbub.gap", "hubbub.live", "order.paid"]) {
  source.addEventListener(type, show);
}
