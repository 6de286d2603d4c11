"use strict";
// Shows what the server tells once a second. Names come from files: they are only ever set as text.

const at = (id) => document.getElementById(id);
const whole = (value) => Math.round(value).toLocaleString("en-US");
const percent = (value) => `${Math.floor(value * 100)} %`;
const dollars = (value) => `$${value.toFixed(value < 1 ? 4 : 2)}`;
const history = { step: 1, points: [] };
let lastShown = { status: "", quarter: 0 };
let misses = 0;

function seconds(value) {
  const total = Math.round(value), hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes ? `${minutes} min ${String(total % 60).padStart(2, "0")} s` : `${total} s`;
}

function node(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function list(id, pairs) {
  at(id).replaceChildren(...pairs.flatMap(([term, value]) => [node("dt", term), node("dd", value)]));
}

function rows(id, records, empty) {
  const made = records.map((cells) => {
    const row = node("tr");
    row.append(...cells.map(([text, kind]) => node("td", text, kind)));
    return row;
  });
  if (!made.length) {
    const cell = node("td", empty);
    cell.colSpan = 3;
    made.push(node("tr"));
    made[0].append(cell);
  }
  at(id).replaceChildren(...made);
}

// -- parts of the page --------------------------------------------------------------------

function showProgress(view) {
  const { share, outlook } = view;
  at("share").textContent = share === null ? "–" : percent(share);
  if (share === null) at("bar").removeAttribute("value");
  else at("bar").value = share;
  const left = outlook.seconds;
  at("left").textContent = left === null ? "time left unknown" : between(left, seconds, " left");
  at("sure").textContent = `${outlook.sure}: ${outlook.why}`;
  at("doing").textContent = view.doing;
  at("elapsed").textContent = `run so far: ${seconds(view.seconds)}`;
  at("collection").textContent = view.run.collection;
  document.title = `${share === null ? "" : `${percent(share)} · `}${view.health.status} · Waypoint`;
}

function between(range, words, after) {
  const [low, high] = [words(range.low), words(range.high)];
  return low === high ? `about ${low}${after}` : `${low} to ${high}${after}`;
}

function showPipeline(view) {
  const items = [];
  view.stages.forEach((stage, i) => {
    items.push(stageBox(stage));
    const queue = view.streams[i];
    if (queue && i < view.stages.length - 1) items.push(queueMark(queue));
  });
  if (!items.length) items.push(node("li", "not begun yet", "note"));
  at("pipeline").replaceChildren(...items);
}

function stageBox(stage) {
  const box = node("li", undefined, stage.bottleneck ? "stage bottleneck" : "stage");
  const name = node("b", stage.name);
  if (stage.bottleneck) name.append(node("em", "bottleneck"));
  const shares = node("div", undefined, "share");
  for (const [kind, share] of [["busy", stage.busy], ["room", stage.waiting_for_room], ["input", stage.waiting_for_input]]) {
    const part = node("i", undefined, kind);
    part.style.width = `${share * 100}%`;
    shares.append(part);
  }
  const busy = `${Math.round(stage.busy * 100)} % busy`;
  const many = stage.workers > 1 ? `, ${stage.workers} workers` : "";
  const done = stage.most_workers ? "ended" : "not begun";
  box.append(name, shares, node("small", stage.workers ? busy + many : done), node("small", `${whole(stage.items)} taken in`));
  return box;
}

function queueMark(queue) {
  const full = queue.capacity > 0 && queue.depth >= queue.capacity;
  const mark = node("li", undefined, full ? "queue full" : "queue");
  mark.append(node("span", `queue ${queue.name}: `, "unseen"));
  mark.append(node("span", queue.capacity ? `${queue.depth} of ${queue.capacity}` : "direct"));
  return mark;
}

function showQuota(quota) {
  if (quota === null) return at("quota").replaceChildren(node("p", "not known yet", "note"));
  const gauges = [
    ["texts this minute", quota.texts_in_minute, quota.rpm],
    ["tokens this minute", quota.tokens_in_minute, quota.tpm],
    ["texts today", quota.texts_today, quota.rpd],
  ].map(([name, used, limit]) => {
    const gauge = node("div", undefined, "gauge"), line = node("span");
    line.append(node("span", name), node("span", limit ? `${whole(used)} of ${whole(limit)}` : `${whole(used)}, no limit`));
    gauge.append(line);
    if (limit) {
      const meter = node("meter");
      meter.max = limit;
      meter.value = used;
      meter.setAttribute("aria-label", `${name}, of the limit`);
      gauge.append(meter);
    }
    return gauge;
  });
  return at("quota").replaceChildren(...gauges);
}

function showFigures(view) {
  const { outlook, embedded, documents, chunks, calls } = view;
  const saved = chunks.present + chunks.from_ledger + chunks.same_text;
  const inJobs = view.jobs.submitted ? [
    ["batch jobs, ended", `${whole(view.jobs.settled)} of ${whole(view.jobs.submitted)}`],
    ["texts in jobs, committed", `${whole(view.jobs.texts_committed)} of ${whole(view.jobs.texts_submitted)}`],
  ] : [];
  list("cost", [
    ["so far", dollars(embedded.usd)],
    ["to come", outlook.cost_usd === null ? "unknown" : between(outlook.cost_usd, dollars, "")],
    ["texts embedded", whole(embedded.texts)],
    ["tokens embedded", whole(embedded.tokens)],
    ["texts saved", whole(saved)],
    ["tokens saved, about", whole(view.tokens_saved)],
    ...inJobs,
  ]);
  const named = (counts) => Object.entries(counts).map(([name, count]) => [name.replaceAll("_", " "), whole(count)]);
  list("documents", [...(view.files ? [["in the folder", whole(view.files)]] : []), ...named(documents)]);
  list("chunks", named(chunks));
  list("calls", [["in flight", whole(view.calls_in_flight)], ...named(calls), ["texts/s, last minute", view.pace.toFixed(1)],
    ...Object.entries(view.retries).map(([reason, count]) => [`again: ${reason}`, whole(count)])]);
  const { run, process } = view;
  list("run", [["id", run.run_id], ["folder", run.knowledge_base], ["provider", run.provider],
    ["model", `${run.model}, ${run.dimensions} dimensions`], ["calls at once", String(run.concurrency)],
    ["memory", process.memory === null ? "unknown" : `${whole(process.memory / 1e6)} MB`],
    ["processor time", seconds(process.cpu_seconds)]]);
  rows("rejects", view.latest.rejects.map((one) => [[one.chunk || one.source], [one.reason]]), "none");
  rows("warnings", view.latest.warnings.map((one) => [[one.source], [one.warning]]), "none");
  rows("latest", view.latest.documents.map((one) =>
    [[one.source], [whole(one.chunks), "number"], [seconds(one.seconds), "number"]]), "none yet");
}

function showPace() {
  const { step, points } = history;
  const last = smoothed(points, step, 5).at(-1) ?? 0;
  const limit = points.at(-1)?.[1] ?? null;
  const label = `Texts embedded a second: ${last.toFixed(1)} at last${limit === null ? "" : `, of ${limit.toFixed(1)} that the quota allows`}`;
  drawChart(at("chart"), points, step, label, seconds);
  const every = Math.max(1, Math.ceil(points.length / 30));
  const picked = points.map((point, i) => [point, i]).filter(([, i]) => i % every === 0).reverse();
  rows("pace-rows", picked.map(([[texts, quota], i]) =>
    [[seconds(i * step)], [(texts / step).toFixed(1), "number"], [quota === null ? "none" : quota.toFixed(1), "number"]]), "none yet");
}

// Read out what changes the picture, not what changes every second.
function announce(view) {
  const status = view.health.status, quarter = Math.floor((view.share ?? 0) * 4);
  if (status !== lastShown.status || quarter > lastShown.quarter) {
    at("announce").textContent = `${status}, ${view.share === null ? "progress unknown" : percent(view.share)}. ${view.doing}`;
    lastShown = { status, quarter };
  }
}

function banner(text, kind) {
  at("banner").textContent = text;
  at("banner").className = `banner ${kind}`;
  at("banner").hidden = !text;
}

function pill(text, kind) {
  at("status").textContent = text;
  at("status").className = `pill ${kind}`;
}

// -- what the server tells ----------------------------------------------------------------

function showView(view) {
  showProgress(view);
  showPipeline(view);
  showQuota(view.quota);
  showFigures(view);
}

function onHistory(told) {
  history.step = told.step;
  history.points.splice(told.from, history.points.length, ...told.points);
  showPace();
}

function onState(view) {
  misses = 0;
  showView(view);
  pill(view.health.status, view.health.status);
  const bad = { stalled: `This run is stalled: ${view.health.why}`, failing: view.health.why };
  banner(bad[view.health.status] ?? "", "bad");
  announce(view);
}

function onEnded({ view, report }) {
  source.close();
  showView(view);
  const good = report.exit_code === 0;
  const why = [report.message, report.hint].filter(Boolean).join("; ");
  const words = `The run has ended after ${seconds(report.seconds)} with exit code ${report.exit_code}${why ? `: ${why}` : ""}`;
  pill("ended", good ? "done" : "failed");
  banner(words, good ? "good" : "bad");
  at("doing").textContent = `${whole(report.documents.ingested)} documents ingested, ${whole(report.chunks.added)} chunks added, ${whole(report.texts_embedded)} texts embedded, ${dollars(report.cost_usd)}`;
  at("left").textContent = "";
  at("sure").textContent = report.standing_rejects ? `${whole(report.standing_rejects)} rejects stand: ${report.rejects_file}` : "";
  at("elapsed").textContent = `ran for ${seconds(report.seconds)}`;
  at("announce").textContent = words;
  document.title = "ended · Waypoint";
}

function onLost() {
  misses += 1;
  pill("no connection", "failed");
  if (misses === 3) {
    banner("No connection to the run: it may have ended. What is shown is as it was last; the page looks again every 2 s.", "bad");
    at("announce").textContent = "No connection to the run; it may have ended.";
  }
}

const source = new EventSource("events");
source.addEventListener("history", (event) => onHistory(JSON.parse(event.data)));
source.addEventListener("state", (event) => onState(JSON.parse(event.data)));
source.addEventListener("ended", (event) => onEnded(JSON.parse(event.data)));
source.addEventListener("error", onLost);
window.addEventListener("resize", showPace);
