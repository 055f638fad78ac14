// The newest events, one line each; open a line to see the whole event.
//
// Everything that came from outside becomes a text node, never markup.

import { level, pretty, shortTime } from "./event.js";

const MAX_ROWS = 100; // what a reader scrolls through; the log has the rest

export class EventList {
  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
    this.held = false;
    this.waiting = [];
  }

  clear() {
    this.list.replaceChildren();
    this.waiting = [];
    this.empty.hidden = false;
  }

  hold(held) {
    this.held = held;
  }

  add(event) {
    this.waiting.push(event);
    if (this.waiting.length > MAX_ROWS) this.waiting.shift();
  }

  /** Show what has come since the last time, unless the list is held. */
  show() {
    if (this.held || !this.waiting.length) return;
    this.empty.hidden = true;
    const rows = this.waiting.map(row).reverse();
    this.waiting = [];
    this.list.prepend(...rows);
    while (this.list.children.length > MAX_ROWS) this.list.lastElementChild.remove();
  }
}

function row(event) {
  const item = document.createElement("li");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  if (event.magnitude !== null) {
    const badge = element("span", "badge", event.magnitude.toFixed(1));
    badge.dataset.level = level(event.magnitude);
    badge.title = "magnitude";
    summary.append(badge);
  }
  const words = element("span", "words");
  const when = element("time", "", shortTime(event.time));
  when.title = event.time;
  words.append(element("span", "title", event.title), element("span", "topic", event.topic), when);
  summary.append(words);
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector("pre")) {
      details.append(element("pre", "", pretty(event.text)));
    }
  });
  item.append(details);
  return item;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
