// The page at `/`: listens to a pattern and shows what arrives. This file only connects the parts.

import { read } from "./event.js";
import { EventList } from "./list.js";
import { WorldMap } from "./map.js";
import { setUpPublish, shellQuote, topicUrl } from "./publish.js";
import { Rate } from "./rate.js";
import { listen } from "./stream.js";

const BASE = new URL("../", import.meta.url); // also right where hubbub is mounted under a path
const LAST = 1000; // begin with the newest thousand events: the most that `last` allows
const MAX_TOPICS = 10_000; // distinct names to count; beyond, "10000+" says enough

const byId = (id) => document.getElementById(id);
const list = new EventList(byId("list"), byId("empty"));
const map = new WorldMap(byId("map"));
const rate = new Rate(byId("rate"));
let seen = fresh();
let state = "";
let stop = () => {};

function fresh() {
  return { count: 0, topics: new Set(), strongest: null, position: "", gap: "" };
}

function start() {
  stop();
  seen = fresh();
  list.clear();
  map.clear();
  rate.clear();
  byId("map-panel").hidden = true;
  const pattern = byId("pattern").value.trim();
  const filter = byId("filter").value.trim();
  remember(pattern, filter);
  const url = topicUrl(BASE, pattern);
  if (filter) url.searchParams.set("filter", filter);
  describe(url);
  url.searchParams.set("last", LAST);
  stop = listen(url, { event: onEvent, gap: onGap, state: onState });
}

function onEvent(text, position) {
  const event = read(text, position);
  const live = state === "live";
  seen.count += 1;
  if (position) seen.position = position;
  if (seen.topics.size < MAX_TOPICS) seen.topics.add(event.topic);
  if (event.magnitude !== null && event.magnitude > (seen.strongest ?? -Infinity)) {
    seen.strongest = event.magnitude;
  }
  if (live) rate.add();
  list.add(event);
  if (event.place) {
    byId("map-panel").hidden = false;
    map.add(event.place, event.magnitude, live);
  }
}

function onGap({ requested, resumes_at: resumesAt }) {
  seen.gap = `Events after ${requested} are no longer kept; went on after ${resumesAt}.`;
  notice(seen.gap);
}

function onState(word, detail = "", status = 0) {
  state = word;
  const pill = byId("state");
  pill.dataset.state = word;
  pill.textContent = word.replace("-", " ");
  if (word === "live") notice(seen.gap);
  if (detail) notice(status === 401 ? `A token is needed here: ${detail}.` : detail);
  byId("login").hidden = status !== 401;
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function refresh() {
  list.show();
  byId("count").textContent = seen.count.toLocaleString();
  byId("topics").textContent =
    seen.topics.size < MAX_TOPICS ? seen.topics.size.toLocaleString() : `${MAX_TOPICS}+`;
  byId("position").textContent = seen.position || "the beginning";
  byId("strongest-box").hidden = seen.strongest === null;
  byId("strongest").textContent = seen.strongest?.toFixed(1) ?? "";
}

function refreshRate() {
  const mean = rate.mean();
  byId("speed").textContent = mean.toLocaleString(undefined, { maximumFractionDigits: 1 });
  rate.draw();
}

/** Keep the selection in the address, so that a link shows the same. */
function remember(pattern, filter) {
  const address = new URL(location.href);
  address.searchParams.set("topic", pattern);
  if (filter) address.searchParams.set("filter", filter);
  else address.searchParams.delete("filter");
  history.replaceState(null, "", address);
}

function describe(url) {
  const parts = ["curl", "-N", shellQuote(url.href), "-H", shellQuote("Accept: text/event-stream")];
  byId("listen-curl").textContent = parts.join(" ");
}

function setUp() {
  const asked = new URL(location.href).searchParams;
  byId("pattern").value = asked.get("topic") || "**";
  byId("filter").value = asked.get("filter") || "";
  byId("selection").addEventListener("submit", (submit) => {
    submit.preventDefault();
    notice("");
    start();
  });
  byId("login").addEventListener("submit", (submit) => {
    submit.preventDefault();
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const token = encodeURIComponent(byId("token").value.trim());
    document.cookie = `hubbub_token=${token}; Path=${BASE.pathname}; SameSite=Strict${secure}`;
    byId("token").value = "";
    notice("");
    start();
  });
  byId("pause").addEventListener("click", () => {
    const held = byId("pause").getAttribute("aria-pressed") !== "true";
    byId("pause").setAttribute("aria-pressed", String(held));
    list.hold(held);
  });
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => {
      navigator.clipboard?.writeText(byId(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
  setUpPublish(BASE, {
    form: byId("publish"), topic: byId("publish-topic"), data: byId("publish-data"),
    output: byId("published"), curl: byId("publish-curl"),
  });
  map.load(new URL("console/land.json", BASE));
  setInterval(refresh, 200);
  setInterval(refreshRate, 1000);
  start();
}

setUp();
