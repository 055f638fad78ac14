// A world map on a canvas. What has happened is painted once onto a layer of its own; only the
// rings around what is happening now are drawn again in every frame.

import { level } from "./event.js";

const RIPPLE_MS = 1400;
const MAX_RIPPLES = 80; // more at once are a blur
const MAX_DOTS = 5000; // repainted after a resize; older ones stay until then
const EDGE = [2.7354, 1.4224]; // half width and half height of the projection, in radians
const RATIO = EDGE[0] / EDGE[1];

/** Natural Earth projection (Patterson, Šavrič, Jenny 2011): degrees to radians on the sheet. */
export function project(longitude, latitude) {
  const phi = (latitude * Math.PI) / 180;
  const p2 = phi * phi;
  const p4 = p2 * p2;
  const x = 0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4));
  const y = 1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4));
  return [((longitude * Math.PI) / 180) * x, phi * y];
}

export class WorldMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.layer = document.createElement("canvas");
    this.land = [];
    this.dots = [];
    this.ripples = [];
    this.drawing = false;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
    new ResizeObserver(() => this.repaint()).observe(canvas);
  }

  async load(url) {
    const answer = await fetch(url);
    if (answer.ok) this.land = await answer.json();
    this.repaint();
  }

  clear() {
    this.dots = [];
    this.ripples = [];
    this.repaint();
  }

  /** Put an event on the map; a ring spreads around it if it is happening now. */
  add(place, magnitude, now) {
    const dot = { place, level: level(magnitude), radius: radius(magnitude) };
    this.dots.push(dot);
    if (this.dots.length > 2 * MAX_DOTS) this.dots = this.dots.slice(-MAX_DOTS);
    if (!this.colours) return; // not laid out yet: the first repaint shows it
    this.paintDot(this.layer.getContext("2d"), dot);
    if (now && !this.still.matches && this.ripples.length < MAX_RIPPLES) {
      this.ripples.push({ ...dot, born: performance.now() });
    }
    if (!this.drawing) {
      this.drawing = true;
      requestAnimationFrame(() => this.frame());
    }
  }

  frame() {
    const now = performance.now();
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.layer, 0, 0);
    this.ripples = this.ripples.filter((ripple) => now - ripple.born < RIPPLE_MS);
    for (const ripple of this.ripples) this.paintRipple(pen, ripple, (now - ripple.born) / RIPPLE_MS);
    this.drawing = this.ripples.length > 0;
    if (this.drawing) requestAnimationFrame(() => this.frame());
  }

  repaint() {
    const { clientWidth } = this.canvas;
    if (!clientWidth) return;
    const sharpness = window.devicePixelRatio || 1;
    const width = Math.round(clientWidth * sharpness);
    const height = Math.round(width / RATIO);
    for (const sheet of [this.canvas, this.layer]) Object.assign(sheet, { width, height });
    this.scale = width / (2 * EDGE[0]);
    this.unit = width / 900; // radii are meant for a map that is 900 pixels wide
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = [0, 1, 2, 3].map((step) => colour(`--level-${step}`));
    const pen = this.layer.getContext("2d");
    this.paintSea(pen, colour("--sea"));
    this.paintLand(pen, colour("--land"));
    for (const dot of this.dots) this.paintDot(pen, dot);
    this.frame();
  }

  at([longitude, latitude]) {
    const [x, y] = project(longitude, latitude);
    return [(x + EDGE[0]) * this.scale, (EDGE[1] - y) * this.scale];
  }

  paintSea(pen, colour) {
    const edge = [];
    for (let latitude = -90; latitude <= 90; latitude += 2) edge.push([180, latitude]);
    for (let latitude = 90; latitude >= -90; latitude -= 2) edge.push([-180, latitude]);
    pen.fillStyle = colour;
    pen.beginPath();
    for (const place of edge) pen.lineTo(...this.at(place));
    pen.fill();
  }

  paintLand(pen, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const ring of this.land) {
      for (let i = 0; i < ring.length; i += 2) {
        const [x, y] = this.at([ring[i] / 10, ring[i + 1] / 10]);
        if (i) pen.lineTo(x, y);
        else pen.moveTo(x, y);
      }
      pen.closePath();
    }
    pen.fill("evenodd");
  }

  paintDot(pen, dot) {
    const [x, y] = this.at(dot.place);
    pen.fillStyle = this.colours[dot.level];
    pen.globalAlpha = 0.62;
    pen.beginPath();
    pen.arc(x, y, dot.radius * this.unit, 0, 2 * Math.PI);
    pen.fill();
    pen.globalAlpha = 1;
  }

  paintRipple(pen, ripple, age) {
    const [x, y] = this.at(ripple.place);
    pen.strokeStyle = this.colours[ripple.level];
    pen.globalAlpha = (1 - age) ** 1.5;
    pen.lineWidth = (1 + 2 * (1 - age)) * this.unit;
    pen.beginPath();
    pen.arc(x, y, ripple.radius * this.unit * (1 + 4 * age) + 6 * age, 0, 2 * Math.PI);
    pen.stroke();
    pen.globalAlpha = 1;
  }
}

/** Pixels of a dot: the area grows with the strength, and the weakest can still be seen. */
function radius(magnitude) {
  return 1.8 + 0.45 * Math.max(0, magnitude ?? 2) ** 1.7;
}
