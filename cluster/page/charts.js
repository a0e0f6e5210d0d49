// The live charts: /metrics once a second → what changed → lines of two minutes.
// The idea: a reading is the sum of each metric over its labels, so a chart is two or three formulas over the newest
// reading and an older one. What cannot be known (no request ended, the node was restarted) is a gap, not a zero.

import { make } from "./dom.js";

const WINDOW_SECONDS = 120;
const WIDTH = 300; // of the drawing's own units; it is stretched to its card
const HEIGHT = 90;

// Prometheus text → name → sum over labels.
export function parseMetrics(text) {
  const sums = new Map();
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)/.exec(line);
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]));
  }
  return sums;
}

// --- formulas: (newest reading, one of `span` seconds before) → value or null

const now = (name) => ({ span: 0, of: (newest) => newest.sums.get(name) ?? null });

function rate(name, span) {
  const of = (newest, older) => {
    const grown = newest.sums.get(name) - older.sums.get(name);
    return grown >= 0 ? grown / (newest.seconds - older.seconds) : null;
  };
  return { span, of };
}

// The mean of what a histogram observed meanwhile, in milliseconds.
function mean(name, span) {
  const of = (newest, older) => {
    const count = newest.sums.get(`${name}_count`) - (older.sums.get(`${name}_count`) ?? 0);
    const sum = newest.sums.get(`${name}_sum`) - (older.sums.get(`${name}_sum`) ?? 0);
    return count > 0 ? (1000 * sum) / count : null;
  };
  return { span, of };
}

const whole = (value) => Math.round(value).toLocaleString("en");
const short = (value) => (value < 10 ? value.toFixed(1) : whole(value));

const CHARTS = [
  { title: "Tokens per second", format: short, lines: [
    { label: "generated", ...rate("conduit_generation_tokens_total", 2) },
    // Prompts are computed so much faster that their line would flatten the other.
    { label: "of prompts", isHidden: true, ...rate("conduit_prompt_tokens_total", 2) }] },
  { title: "Latency", format: (value) => `${short(value)} ms`, lines: [
    { label: "first token", ...mean("conduit_time_to_first_token_seconds", 10) },
    { label: "between tokens", ...mean("conduit_inter_token_latency_seconds", 3) }] },
  { title: "KV cache pages", format: whole, top: "conduit_kv_pages_total", lines: [
    { label: "in use", ...now("conduit_kv_pages_used") },
    { label: "kept for reuse", ...now("conduit_kv_pages_cached") }] },
  { title: "Requests", format: whole, lines: [
    { label: "running", ...now("conduit_requests_running") },
    { label: "waiting", ...now("conduit_requests_waiting") }] },
];

// --- drawing

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The next 1, 2 or 5 times a power of ten.
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value);
}

// Points between gaps are one stroke each.
function strokes(points) {
  const runs = [[]];
  for (const point of points) {
    if (point.y === null) runs.push([]);
    else runs.at(-1).push(point);
  }
  return runs.filter((run) => run.length > 0);
}

const at = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
const linePath = (runs) => runs.map((run) => `M${run.map(at).join("L")}h0.1`).join("");
const areaPath = (runs) =>
  runs.map((run) => `M${run[0].x.toFixed(1)} ${HEIGHT}L${run.map(at).join("L")}V${HEIGHT}Z`).join("");

class Chart {
  constructor({ title, format, top, lines }) {
    this.format = format;
    this.topName = top;
    this.lines = lines;
    this.points = []; // {seconds, values, top}
    this.pointed = null; // seconds under the pointer
    this.area = svg("path", { class: "area" });
    this.paths = lines.map((_, i) => svg("path", { class: `line line-${i}` }));
    this.cross = svg("path", { class: "cross" });
    const grid = svg("path", { class: "grid", d: `M0 0.5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}` });
    this.drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.drawing.append(grid, this.area, ...this.paths, this.cross);
    this.values = lines.map(() => make("b", {}, "–"));
    this.topLabel = make("span", { className: "top muted small" });
    const legend = lines.map(({ label, isHidden }, i) =>
      make("li", {}, isHidden ? null : make("i", { className: `key line-${i}` }), `${label} `, this.values[i]));
    this.title = title;
    this.card = make("figure", { className: "card" },
      make("figcaption", {}, title), make("div", { className: "plot" }, this.topLabel), make("ul", { className: "legend" }, ...legend));
    this.card.querySelector(".plot").append(this.drawing);
    this.drawing.addEventListener("pointermove", (event) => this.point(event));
    this.drawing.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.draw();
    });
  }

  point(event) {
    const box = this.drawing.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.pointed = (this.points.at(-1)?.seconds ?? 0) - (1 - share) * WINDOW_SECONDS;
    this.draw();
  }

  add(readings) {
    const newest = readings.at(-1);
    const values = this.lines.map(({ span, of }) => {
      const older = readings.findLast(({ seconds }) => seconds <= newest.seconds - span) ?? readings[0];
      if (span > 0 && older === newest) return null;
      const value = of(newest, older);
      return Number.isFinite(value) ? value : null;
    });
    const top = this.topName ? newest.sums.get(this.topName) : undefined;
    this.points.push({ seconds: newest.seconds, values, top });
    this.points = this.points.filter(({ seconds }) => seconds > newest.seconds - WINDOW_SECONDS);
    this.draw();
  }

  draw() {
    const newest = this.points.at(-1);
    if (!newest) return;
    const isDrawn = (value, i) => value !== null && !this.lines[i].isHidden;
    const highest = Math.max(0, ...this.points.flatMap(({ values }) => values.filter(isDrawn)));
    const top = newest.top || niceTop(Math.max(highest, 1));
    const place = ({ seconds, values }, i) => ({
      x: WIDTH * (1 - (newest.seconds - seconds) / WINDOW_SECONDS),
      y: values[i] === null ? null : HEIGHT - 2 - (HEIGHT - 4) * Math.min(1, values[i] / top),
    });
    this.paths.forEach((path, i) => {
      if (this.lines[i].isHidden) return;
      const runs = strokes(this.points.map((point) => place(point, i)));
      path.setAttribute("d", linePath(runs));
      if (i === 0) this.area.setAttribute("d", areaPath(runs));
    });
    this.topLabel.textContent = this.format(top);
    this.showValues(newest);
  }

  showValues(newest) {
    const distance = (point) => Math.abs(point.seconds - this.pointed);
    const shown = this.pointed === null ? newest : this.points.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    const x = WIDTH * (1 - (newest.seconds - shown.seconds) / WINDOW_SECONDS);
    this.cross.setAttribute("d", this.pointed === null ? "" : `M${x} 0V${HEIGHT}`);
    const texts = shown.values.map((value) => (value === null ? "–" : this.format(value)));
    texts.forEach((text, i) => (this.values[i].textContent = text));
    this.drawing.setAttribute("aria-label", `${this.title}: ${this.lines.map(({ label }, i) => `${label} ${texts[i]}`).join(", ")}`);
  }
}

// --- all of them

let charts = [];
let readings = []; // {seconds, sums}

export function startCharts(parent) {
  charts = CHARTS.map((chart) => new Chart(chart));
  parent.replaceChildren(...charts.map(({ card }) => card));
}

export function addReading(text) {
  const seconds = performance.now() / 1000;
  readings.push({ seconds, sums: parseMetrics(text) });
  readings = readings.filter((reading) => reading.seconds > seconds - 15); // the longest span and a little
  for (const chart of charts) chart.add(readings);
}
