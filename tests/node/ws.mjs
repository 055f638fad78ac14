// Connects with the package ws, sends each line of its input and prints a line of JSON for
// whatever happens.
//   node ws.mjs URL [SUBPROTOCOL...]

import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const [url, ...subprotocols] = process.argv.slice(2);
const socket = new WebSocket(url, subprotocols);

const print = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

socket.on("open", () => print({ open: socket.protocol, extensions: socket.extensions }));
socket.on("message", (data, binary) => print({ binary, data: data.toString() }));
socket.on("close", (code, reason) => print({ close: code, reason: reason.toString() }));
socket.on("unexpected-response", (_, response) => print({ refused: response.statusCode }));
socket.on("error", () => {});
createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
