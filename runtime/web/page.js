"use strict";

// Figures come as server-sent events; images are MJPEG streams that the browser draws by itself.
const $ = (id) => document.getElementById(id);
const shown = new Map(); // number of a source → its elements
const sliders = new Map(); // label → its elements
let silent = null;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function connected(yes) {
  $("link").className = yes ? "pill on" : "pill off";
  $("link").textContent = yes ? "live" : "no connection";
}

function addSource(number) {
  const figure = element("figure");
  const image = element("img");
  image.alt = "the newest image with what was found on it";
  const caption = element("figcaption");
  const parts = { figure, image, name: element("b"), rate: element("span"), age: element("span"),
                  size: element("span"), trouble: element("span", "trouble"),
                  found: element("div", "found") };
  caption.append(parts.name, parts.rate, parts.age, parts.size, parts.trouble, parts.found);
  figure.append(image, caption);
  $("sources").append(figure);
  image.src = `stream/${number}.mjpg`;
  // A stream that broke off is asked for again.
  image.onerror = () => setTimeout(() => { image.src = `stream/${number}.mjpg?${Date.now()}`; }, 1000);
  shown.set(number, parts);
  return parts;
}

function showSource(source, number, colors) {
  const parts = shown.get(number) || addSource(number);
  const old = Boolean(source.trouble) || source.idle_s > 3;
  parts.figure.classList.toggle("old", old);
  parts.name.textContent = source.name;
  parts.rate.textContent = `${source.rate.toFixed(1)} /s`;
  parts.age.textContent = `age ${source.age_ms_p50.toFixed(0)} / ${source.age_ms_p95.toFixed(0)} ms`;
  parts.size.textContent = `${source.width} × ${source.height}`;
  parts.trouble.textContent = old ? `${source.trouble || "no new image"}, ${source.idle_s.toFixed(0)} s old` : "";
  const counts = new Map();
  for (const found of source.found) {
    const known = counts.get(found.label) || { count: 0, score: 0, area: 0 };
    counts.set(found.label, { count: known.count + 1, score: Math.max(known.score, found.score),
                              area: known.area + (found.area || 0) });
  }
  parts.found.replaceChildren(...[...counts].map(([label, of]) => {
    const chip = element("span", "chip");
    const dot = element("i");
    dot.style.background = colors.get(label) || "#888";
    const many = of.count > 1 ? ` × ${of.count}` : "";
    const figure = of.area ? ` ${(100 * of.area).toFixed(1)} %` : ` ${of.score.toFixed(2)}`;
    chip.append(dot, `${label}${many}${figure}`);
    return chip;
  }));
}

function showFigures(state) {
  const rows = [[state.sound ? "words heard" : "results", state.results.toLocaleString()]];
  if (!state.sound) {
    const rate = state.sources.reduce((sum, source) => sum + source.rate, 0);
    rows.push(["frames/s", rate.toFixed(1)]);
    const p95 = Math.max(0, ...state.sources.map((source) => source.age_ms_p95));
    rows.push(["age, p95", `${p95.toFixed(0)} ms`]);
  }
  rows.push(["processor", `${state.machine.cpu_percent.toFixed(0)} % of a core`]);
  rows.push(["memory", `${state.machine.memory_mb.toFixed(0)} MB`]);
  if (state.machine.temperature !== null) rows.push(["temperature", `${state.machine.temperature} °C`]);
  for (const [label, count] of Object.entries(state.counts || {})) rows.push([label, count.toLocaleString()]);
  for (const [line, count] of Object.entries(state.crossings || {})) rows.push([line, count.toLocaleString()]);
  $("figures").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  const lost = Object.entries(state.dropped).map(([cause, count]) => `${count.toLocaleString()} passed over: ${cause}`);
  $("dropped").textContent = lost.join("; ");
}

async function setThreshold(label, value) {
  const answer = await fetch("threshold", {
    method: "POST", headers: { "X-Edgenets": "1", "Content-Type": "application/json" },
    body: JSON.stringify({ label, value }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

function showSliders(labels) {
  $("sliders-section").hidden = labels.length === 0;
  for (const { label, threshold } of labels) {
    let parts = sliders.get(label);
    if (!parts) {
      const box = element("label", "slider");
      const input = element("input");
      Object.assign(input, { type: "range", min: 0.02, max: 1, step: 0.01, value: threshold });
      input.dataset.label = label;
      const output = element("output", "", threshold.toFixed(2));
      box.append(element("span", "", label), output, input);
      parts = { input, output, moved: 0 };
      input.addEventListener("input", () => {
        parts.moved = Date.now();
        output.textContent = Number(input.value).toFixed(2);
        setThreshold(label, Number(input.value)).catch((problem) => { output.textContent = problem.message; });
      });
      $("sliders").append(box);
      sliders.set(label, parts);
    }
    // Another viewer may have moved it; but not under the finger of this one.
    if (Date.now() - parts.moved > 1500) {
      parts.input.value = threshold;
      parts.output.textContent = threshold.toFixed(2);
    }
  }
}

function showEvents(events) {
  $("events").replaceChildren(...events.slice(0, 60).map((event) => {
    const item = element("li", event.kind);
    const at = element("time", "", new Date(1000 * event.at).toLocaleTimeString());
    item.append(at, event.text);
    item.title = event.source;
    return item;
  }));
}

// Sound: a column a frame, drawn where the last one ended.
const sky = document.createElement("canvas");

function color(level) { // dark blue over red to yellow
  const x = level / 255;
  return [255 * Math.min(1, 2.2 * x * x + 0.1 * x), 235 * Math.max(0, 1.5 * x - 0.5), 90 * Math.sin(Math.PI * Math.min(1, 1.6 * x))];
}

function showSound(sound, state) {
  $("sound").hidden = false;
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
  $("ear").textContent = "sound";
  $("span").textContent = `${(sound.kept * sound.column_seconds).toFixed(0)} s, ${sound.bands} bands`;
  $("scores").replaceChildren(...state.labels.flatMap(({ label, threshold }) => {
    const bar = element("div"), fill = element("i"), mark = element("u");
    fill.style.width = `${100 * sound.scores[label]}%`;
    mark.style.left = `${100 * threshold}%`;
    bar.append(fill, mark);
    return [element("dt", "", label), bar, element("dd", "", sound.scores[label].toFixed(2))];
  }));
}

function show(state) {
  if (!state.model) return;
  document.title = `${state.model} · edgenets`;
  $("model").textContent = state.model;
  $("artifact").textContent = `${state.artifact} on ${state.runs_on}`;
  const colors = new Map(state.labels.map(({ label, color }) => [label, color]));
  state.sources.forEach((source, number) => showSource(source, number, colors));
  if (state.sound) showSound(state.sound, state);
  showFigures(state);
  showSliders(state.labels);
  showEvents(state.events);
}

function listen() {
  const stream = new EventSource("events");
  stream.onmessage = (message) => {
    connected(true);
    clearTimeout(silent);
    silent = setTimeout(() => connected(false), 3000);
    show(JSON.parse(message.data));
  };
  stream.onerror = () => connected(false); // EventSource tries again by itself
}

listen();
