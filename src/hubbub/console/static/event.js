// What the page can say about any event: a headline, a time, a size and a place, if it has them.

const MAX_TITLE = 140; // characters: one line on a wide screen

/** Read one CloudEvent in JSON; text that is none still becomes something to show. */
export function read(text, position) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    event = { data: text };
  }
  const data = event.data !== null && typeof event.data === "object" ? event.data : {};
  return {
    text,
    position,
    topic: String(event.topic ?? ""),
    type: String(event.type ?? ""),
    time: String(event.time ?? event.recordedtime ?? ""),
    title: title(event),
    magnitude: number(data.mag ?? data.magnitude),
    place: place(data),
  };
}

/** How strong a magnitude is, from 0 to 3: the steps of the legend. */
export function level(magnitude) {
  if (magnitude === null || magnitude < 2) return 0;
  if (magnitude < 4) return 1;
  return magnitude < 5 ? 2 : 3;
}

/** Print the JSON of an event for reading. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Print a time in UTC, short; text that is no time stays as it is. */
export function shortTime(text) {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  return moment.toLocaleString(undefined, {
    timeZone: "UTC", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
}

function title(event) {
  if (event.subject) return String(event.subject);
  const { data } = event;
  if (data === undefined) return event.data_base64 ? "(binary)" : "(no data)";
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return text.length > MAX_TITLE ? `${text.slice(0, MAX_TITLE)}…` : text;
}

function place(data) {
  const [longitude, latitude] = Array.isArray(data.coordinates)
    ? data.coordinates
    : [data.longitude ?? data.lon, data.latitude ?? data.lat];
  const [x, y] = [number(longitude), number(latitude)];
  return x === null || y === null || Math.abs(x) > 180 || Math.abs(y) > 90 ? null : [x, y];
}

function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
