"use strict";
// A chart of one series and its bound over time. Points: [value, bound or null], `step` seconds each.

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// The next of 1, 2, 5, 10, 20, 50, … that is not below the value.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999);
}

// Batches come in bursts: each value is the mean of those of the last few seconds.
function smoothed(points, step, seconds) {
  const width = Math.max(1, Math.round(seconds / step));
  return points.map((_, i) => {
    const some = points.slice(Math.max(0, i - width + 1), i + 1);
    return some.reduce((sum, point) => sum + point[0], 0) / some.length / step;
  });
}

function drawChart(box, points, step, label, clock) {
  const width = box.clientWidth, height = box.clientHeight;
  const left = 46, right = 8, top = 8, bottom = 22;
  const rates = smoothed(points, step, 5);
  const limits = points.map((point) => point[1]);
  const most = Math.max(1, ...rates, ...limits.map((limit) => limit ?? 0));
  const tick = roundUp(most / 4);
  const ceiling = tick * Math.ceil(most / tick + 0.05);
  const x = (i) => left + ((width - left - right) * i) / Math.max(1, points.length - 1);
  const y = (value) => height - bottom - ((height - top - bottom) * value) / ceiling;

  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (let value = 0; value <= ceiling * 1.001; value += tick) {
    svg.append(shape("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, shortened(value)));
  }
  const marks = points.length > 1 ? Math.min(5, points.length - 1) : 0;
  for (let n = 0; n <= marks && marks; n += 1) {
    const i = Math.round(((points.length - 1) * n) / marks);
    const anchor = n === 0 ? "start" : n === marks ? "end" : "middle";
    svg.append(shape("text", { x: x(i), y: height - 6, "text-anchor": anchor }, clock(i * step)));
  }
  if (points.length > 1) {
    const path = rates.map((rate, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(rate).toFixed(1)}`).join("");
    svg.append(shape("path", { class: "area", d: `${path}L${x(points.length - 1)} ${y(0)}L${left} ${y(0)}Z` }));
    svg.append(shape("path", { class: "line", d: path }));
    svg.append(shape("path", { class: "limit", d: stairs(limits, x, y) }));
  }
  box.replaceChildren(svg);
}

// A bound holds until it changes; where there is none, the line is interrupted.
function stairs(limits, x, y) {
  let path = "", before = null;
  limits.forEach((limit, i) => {
    if (limit !== null) path += before === null ? `M${x(i)} ${y(limit)}` : `H${x(i)}V${y(limit)}`;
    before = limit;
  });
  return path;
}

function shortened(value) {
  return value >= 10000 ? `${value / 1000}k` : String(Number(value.toPrecision(3)));
}
