"use strict";

// Figures come as server-sent events, images as images.js reads them.
const $ = (id) => document.getElementById(id);
const shown = new Map(); // number of a source → its elements
const sliders = new Map(); // label → its elements

const SILENT = 3000; // ms without a message after which there is no connection
const HUNG = 10000; // ms after which a connection that says nothing is opened anew
const OLD = 3; // s after which an image is an old one

const link = { heard: 0, off: Date.now(), ended: 0, stream: null }; // ms
let newest = null; // state that the server sent

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
const OFF = "no connection", ENDED = "the run ended"; // why a page stands still
const clock = (at) => new Date(at).toLocaleTimeString();

function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// A threshold as the server holds it: 0.5, and 0.0025 not as 0.00.
const exact = (value) => (value >= 0.01 ? value.toFixed(2) : String(Number(value.toPrecision(2))));

function addSource(number) {
  const figure = element("figure");
  const view = element("div", "view");
  const image = element("img");
  image.alt = "the newest image with what was found on it";
  const since = element("p", "since");
  since.setAttribute("role", "status");
  const caption = element("figcaption");
  const parts = { figure, since, came: 0, show: shower(image), name: element("b"),
                  rate: element("span"), latency: element("span"), size: element("span"),
                  age: element("span", "age"), trouble: element("span", "trouble"),
                  found: element("div", "found") };
  parts.latency.title = "capture to result: median / 95th percentile";
  view.append(image, since);
  caption.append(parts.name, parts.age, parts.trouble, parts.rate, parts.latency, parts.size, parts.found);
  figure.append(view, caption);
  $("sources").append(figure);
  shown.set(number, parts);
  return parts;
}

function showSource(source, number, colors) {
  const parts = shown.get(number) || addSource(number);
  parts.name.textContent = source.name;
  parts.rate.textContent = `${fixed(source.rate, 1)} frames/s`;
  parts.latency.textContent = `latency ${fixed(source.age_ms_p50, 0)} / ${fixed(source.age_ms_p95, 0)} ms`;
  parts.size.textContent = `${source.width} × ${source.height}`;
  const counts = new Map();
  for (const found of source.found) {
    const known = counts.get(found.label) || { count: 0, score: 0, area: 0 };
    counts.set(found.label, { count: known.count + 1, score: Math.max(known.score, found.score),
                              area: known.area + (found.area || 0) });
  }
  parts.found.replaceChildren(element("span", "now", "now:"), ...[...counts].map(([label, of]) => {
    const chip = element("span", "chip");
    const dot = element("i");
    dot.style.background = colors.get(label) || "#888";
    const many = of.count > 1 ? ` × ${of.count}` : "";
    const figure = of.area ? ` ${(100 * of.area).toFixed(1)} %` : ` ${of.score.toFixed(2)}`;
    chip.append(dot, `${label}${many}${figure}`);
    return chip;
  }));
  if (!counts.size) parts.found.append("nothing");
}

// What is on the page grows old by itself, also when nobody says so: the server may be gone.
function showAges() {
  const now = Date.now();
  const off = now - link.heard > SILENT || link.off > 0;
  if (off && !link.off) link.off = link.heard;
  $("link").className = off ? "pill off" : "pill on";
  const at = link.ended || link.off; // ms
  const gone = link.ended ? `${ENDED} at ${clock(at)}` : `${OFF} since ${clock(at)}`;
  $("link").textContent = off ? (link.heard ? `${OFF} since ${clock(at)}` : OFF) : "live";
  document.body.classList.toggle("off", off);
  for (const { input } of sliders.values()) input.disabled = off;
  if (!newest) return;
  const waited = (now - link.heard) / 1000;
  newest.sources.forEach((source, number) => {
    const parts = shown.get(number);
    // As old as the server says, or as long ago as the last one came here.
    const age = Math.max(source.idle_s + waited, parts.came ? (now - parts.came) / 1000 - 1 : 0);
    const old = off || Boolean(source.trouble) || age > OLD;
    const why = source.trouble || "no new image";
    parts.figure.classList.toggle("old", old);
    parts.since.hidden = !old;
    const since = off ? gone : `${why} since ${clock(now - 1000 * age)}`;
    parts.since.textContent = `${since} · image ${span(age)} old`;
    parts.age.textContent = `image ${age < OLD ? fixed(age, 1) + " s" : span(age)} old`;
    parts.trouble.textContent = !old ? "" : off ? (link.ended ? ENDED : OFF) : why;
    const label = parts.found.querySelector(".now");
    if (label) label.textContent = old ? "then:" : "now:";
  });
  showSoundAge(off, gone, now);
}

function rows(id, pairs) {
  $(id).replaceChildren(...pairs.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}

function showFigures(state) {
  const now = [];
  if (!state.sound) {
    now.push(["frames/s", fixed(state.sources.reduce((sum, source) => sum + source.rate, 0), 1)]);
    now.push(["latency, p95", `${fixed(Math.max(0, ...state.sources.map((source) => source.age_ms_p95)), 0)} ms`]);
  }
  now.push(["CPU", `${fixed(state.machine.cpu_percent, 0)} %`]);
  now.push(["memory", `${fixed(state.machine.memory_mb, 0)} MB`]);
  if (state.machine.temperature !== null) now.push(["temperature", `${state.machine.temperature} °C`]);
  rows("figures", now);
  $("begun").textContent = `(${clock(Date.now() - 1000 * state.seconds)}, ${span(state.seconds)})`;
  rows("counts", [[state.sound ? "words detected" : "frames with results", state.results],
                  ...Object.entries(state.counts || {}), ...Object.entries(state.crossings || {})]
    .map(([name, count]) => [name, count.toLocaleString()]));
  const lost = Object.entries(state.dropped).map(([cause, count]) => `${count.toLocaleString()} dropped: ${cause}`);
  $("dropped").textContent = lost.join("; ");
}

async function setThreshold(label, value) {
  const answer = await fetch("threshold", {
    method: "POST", headers: { "X-Edgenets": "1", "Content-Type": "application/json" },
    body: JSON.stringify({ label, value }),
  });
  if (!answer.ok) throw new Error((await answer.text()).trim());
}

// One at a time, and the last one last: two on their way could overtake each other.
async function send(label, parts) {
  if (parts.sending) return;
  parts.sending = true;
  while (parts.wanted !== null) {
    const value = parts.wanted;
    parts.wanted = null;
    try {
      await setThreshold(label, value);
      parts.problem.textContent = "";
    } catch (problem) {
      parts.problem.textContent = problem instanceof TypeError ? "no connection" : problem.message;
      parts.moved = 0; // back to what the server holds
    }
  }
  parts.sending = false;
}

function addSlider(label, threshold) {
  const box = element("label", "slider");
  const input = element("input");
  Object.assign(input, { type: "range", min: 0.01, max: 1, step: 0.01, value: threshold });
  input.dataset.label = label;
  const output = element("output", "", exact(threshold));
  const problem = element("span", "problem");
  problem.setAttribute("role", "alert");
  box.append(element("span", "", label), output, input, problem);
  const parts = { input, output, problem, moved: 0, wanted: null, sending: false };
  input.addEventListener("input", () => {
    parts.moved = Date.now();
    parts.wanted = Number(input.value);
    output.textContent = exact(parts.wanted);
    send(label, parts);
  });
  $("sliders").append(box);
  sliders.set(label, parts);
  return parts;
}

function showSliders(labels) {
  $("sliders-section").hidden = labels.length === 0;
  for (const { label, threshold } of labels) {
    const parts = sliders.get(label) || addSlider(label, threshold);
    // Another viewer may have moved it; but not under the finger of this one.
    if (Date.now() - parts.moved > 1500) {
      parts.input.value = threshold;
      parts.output.textContent = exact(threshold);
    }
  }
}

function showEvents(events) {
  $("events").replaceChildren(...events.slice(0, 60).map((event) => {
    const item = element("li", event.kind);
    item.append(element("time", "", clock(1000 * event.at)), event.text);
    item.title = event.source;
    return item;
  }));
}

// Sound: a column a frame, drawn where the last one ended.
const sky = document.createElement("canvas");
const heard = { count: 0, at: 0 }; // frames, and when there were more of them, ms

function color(level) { // dark blue over red to yellow
  const x = level / 255;
  return [255 * Math.min(1, 2.2 * x * x + 0.1 * x), 235 * Math.max(0, 1.5 * x - 0.5), 90 * Math.sin(Math.PI * Math.min(1, 1.6 * x))];
}

function showSound(sound, state) {
  $("sound").hidden = false;
  if (sound.count !== heard.count) Object.assign(heard, { count: sound.count, at: Date.now() });
  if (sky.width !== sound.kept) Object.assign(sky, { width: sound.kept, height: sound.bands });
  const bytes = Uint8Array.from(atob(sound.columns), (letter) => letter.charCodeAt(0));
  const count = bytes.length / sound.bands;
  const ink = sky.getContext("2d");
  ink.drawImage(sky, -count, 0);
  if (count > 0) {
    const strip = ink.createImageData(count, sound.bands);
    for (let column = 0; column < count; column += 1) {
      for (let band = 0; band < sound.bands; band += 1) {
        const at = 4 * ((sound.bands - 1 - band) * count + column);
        strip.data.set([...color(bytes[column * sound.bands + band]), 255], at);
      }
    }
    ink.putImageData(strip, sound.kept - count, 0);
  }
  const canvas = $("spectrogram");
  if (canvas.width !== sky.width) Object.assign(canvas, { width: sky.width, height: sky.height });
  canvas.getContext("2d").drawImage(sky, 0, 0);
  $("span").textContent = `${(sound.kept * sound.column_seconds).toFixed(0)} s, ${sound.bands} bands`;
  $("scores").replaceChildren(...state.labels.flatMap(({ label, threshold }) => {
    const bar = element("div"), fill = element("i"), mark = element("u");
    fill.style.width = `${100 * sound.scores[label]}%`;
    mark.style.left = `${100 * threshold}%`;
    bar.append(fill, mark);
    return [element("dt", "", label), bar, element("dd", "", fixed(sound.scores[label], 2))];
  }));
}

function showSoundAge(off, gone, now) {
  const since = document.querySelector("#sound .since");
  const old = off || now - heard.at > 1000 * OLD;
  $("sound").classList.toggle("old", old);
  since.hidden = !old;
  since.textContent = `${off ? gone : `no new sound since ${clock(heard.at)}`} · ${span((now - heard.at) / 1000)} old`;
}

function show(state) {
  if (!state.model) return;
  newest = state;
  document.title = `${state.model} · edgenets`;
  $("model").textContent = state.model;
  $("artifact").textContent = `${state.artifact} on ${state.runs_on}`;
  const colors = new Map(state.labels.map((of) => [of.label, of.color]));
  state.sources.forEach((source, number) => showSource(source, number, colors));
  if (state.sound) showSound(state.sound, state);
  showFigures(state);
  showSliders(state.labels);
  showEvents(state.events);
  showAges();
}

function lost() {
  if (!link.off) link.off = Date.now();
  showAges();
}

function listen() {
  const stream = link.stream = new EventSource("events");
  stream.onmessage = (message) => {
    Object.assign(link, { heard: Date.now(), off: 0, ended: 0 });
    show(JSON.parse(message.data));
  };
  stream.addEventListener("ended", () => { link.ended = Date.now(); lost(); });
  stream.onerror = lost; // EventSource tries again by itself, but for an answer that is no stream
}

listen();
watchImages((number, blob) => {
  const parts = shown.get(number);
  if (!parts) return; // its figures come first
  parts.came = Date.now();
  parts.show(blob);
});
setInterval(showAges, 500);
let opened = Date.now();
setInterval(() => {
  const closed = link.stream.readyState === EventSource.CLOSED;
  if (Date.now() - Math.max(link.heard, opened) < (closed ? SILENT : HUNG)) return;
  opened = Date.now();
  link.stream.close();
  watchImages.again();
  listen();
}, 1000);

// Whoever looks over a shoulder, or at the history, need not see the token; a cookie has it now.
if (location.search.includes("token=")) history.replaceState(null, "", location.pathname);
// On a phone thresholds lie over the lower edge: what is below them can be scrolled to.
new ResizeObserver(([entry]) => {
  document.documentElement.style.setProperty("--sheet", `${entry.target.offsetHeight}px`);
}).observe($("sliders-section"));
