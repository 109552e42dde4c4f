import { getJSON } from "./api.js";
import { element, find } from "./dom.js";

const SAMPLES = 60;
const NAMES = ["Running", "Queued", "Tokens/s", "Cache hits %", "KV use %"];
const history = NAMES.map(() => []);
let last;

function line(values) {
  const space = "http://www.w3.org/2000/svg";
  const top = Math.max(1, ...values);
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${SAMPLES - 1} 40`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const curve = document.createElementNS(space, "polyline");
  const start = SAMPLES - values.length;
  curve.setAttribute("points", values.map((value, at) => `${start + at},${39 - (38 * value) / top}`).join(" "));
  svg.append(curve);
  return svg;
}

/** The figures of one second, in the order of NAMES. */
function figures(state, seconds) {
  const change = (key) => (last ? Math.max(0, state[key] - last[key]) : 0);
  const prompt = change("prompt_tokens");
  return [
    state.num_running_reqs, state.num_queue_reqs, seconds ? change("generated_tokens") / seconds : 0,
    prompt ? Math.min(100, (100 * change("cached_tokens")) / prompt) : 0,
    state.total_pages ? (100 * (state.total_pages - state.free_pages)) / state.total_pages : 0,
  ];
}

async function sample() {
  if (document.hidden) return;
  const state = (await getJSON("/server_info")).internal_states[0];
  const now = performance.now() / 1000;
  const values = figures(state, last ? now - last.now : 0);
  last = { ...state, now };
  const charts = values.map((value, at) => {
    history[at] = [...history[at], value].slice(-SAMPLES);
    const figure = element("span", {}, at < 2 ? String(value) : value.toFixed(1));
    return element("div", { class: "chart" }, NAMES[at], figure, line(history[at]));
  });
  find("charts").replaceChildren(...charts);
}

/** Draws the load once a second while the page is visible. */
export async function watchLoad() {
  try {
    await sample();
  } catch (error) {
    last = undefined;
    find("charts").replaceChildren(element("p", {}, error.message));
  }
  setTimeout(watchLoad, 1000);
}
