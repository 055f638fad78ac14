// The publish box: one POST, and the same as a line for the terminal.

import { problem } from "./stream.js";

/** Wire the form up; `base` is the URL of the gateway. */
export function setUpPublish(base, { form, topic, data, output, curl }) {
  const describe = () => {
    curl.textContent = publishLine(base, topic.value, data.value);
  };
  form.addEventListener("input", describe);
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    output.textContent = "…";
    output.textContent = await publish(base, topic.value, data.value);
  });
  describe();
}

async function publish(base, topic, data) {
  try {
    const answer = await fetch(topicUrl(base, topic), {
      method: "POST",
      headers: { "Content-Type": contentType(data) },
      body: data,
    });
    if (!answer.ok) return `${answer.status}: ${await problem(answer)}`;
    const { position } = await answer.json();
    return `${answer.status}: durable at ${position}`;
  } catch {
    return "the server cannot be reached";
  }
}

/** The URL of a topic or pattern: each segment percent-encoded, `*` left as it is. */
export function topicUrl(base, topic) {
  const path = topic.split("/").map((part) => encodeURIComponent(part)).join("/");
  return new URL(`topics/${path}`, base);
}

/** Put a word into single quotes for a POSIX shell. */
export function shellQuote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function publishLine(base, topic, data) {
  const url = shellQuote(topicUrl(base, topic).href);
  const type = contentType(data);
  return `curl ${url} -H ${shellQuote(`Content-Type: ${type}`)} -d ${shellQuote(data)}`;
}

function contentType(text) {
  try {
    JSON.parse(text);
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8";
  }
}
