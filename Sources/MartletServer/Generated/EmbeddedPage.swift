// Made by scripts/embed-page from Sources/MartletServer/Page.
// swift-format-ignore-file

/// The files of the page, in the binary.
enum EmbeddedPage {
  static let files: [PageFile] = [
    PageFile(
      path: "/ui/api.js", contentType: "text/javascript; charset=utf-8", tag: "\"caf1be8dcd5c58987e96\"",
      text: ##"""
/** Requests to this server, with the key that the user typed. */
function headers() {
  const key = sessionStorage.getItem("martlet.key");
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function request(path, body, signal) {
  const method = body === undefined ? "GET" : "POST";
  const response = await fetch(path, { method, headers: headers(), body: JSON.stringify(body), signal });
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    // Errors of the chat routes are flat; those of /tokenize hold an object.
    const reply = JSON.parse(text);
    message = reply.message ?? reply.error?.message ?? text;
  } catch {
    // A reply that is not JSON is shown as it is.
  }
  throw new Error(message || `HTTP ${response.status}`);
}

export const getJSON = async (path) => (await request(path)).json();

/** The text that the model would see for a conversation, special tokens included. */
export async function renderedPrompt(conversation) {
  const { tokens } = await (await request("/tokenize", conversation)).json();
  const reply = await request("/detokenize", { tokens, skip_special_tokens: false });
  return (await reply.json()).text;
}

/** Yields the events of a streamed chat completion. */
export async function* streamChat(body, signal) {
  const response = await request("/v1/chat/completions", { ...body, stream: true }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value;
    const frames = pending.split("\n\n");
    pending = frames.pop();
    for (const frame of frames) {
      const data = frame.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
      if (data.length === 0) continue;
      if (data[0] === "[DONE]") return;
      const event = JSON.parse(data.join("\n"));
      if (event.error) throw new Error(event.error.message ?? "the server ended the stream with an error");
      yield event;
    }
  }
}

"""##),
    PageFile(
      path: "/ui/app.js", contentType: "text/javascript; charset=utf-8", tag: "\"d517c760d6f5d6a9f2d3\"",
      text: ##"""
import { getJSON, renderedPrompt, streamChat } from "./api.js";
import { watchLoad } from "./charts.js";
import { element, find } from "./dom.js";
import { addDelta, apiMessage, messageBody, resultForm, update } from "./messages.js";
import { conversations, save, settings } from "./store.js";

let current = conversations[0] ?? { title: "", messages: [] };
let running;

function say(text, isError = false) {
  find("status").textContent = text;
  find("status").classList.toggle("error", isError);
}

function open(conversation) {
  running?.abort();
  current = conversation;
  showAll();
  find("input").focus();
}

function showConversations() {
  find("conversations").replaceChildren(...conversations.map((conversation) => {
    const title = conversation.title || "Untitled";
    const pick = element("button", { type: "button", onclick: () => open(conversation) }, title);
    pick.setAttribute("aria-current", String(conversation === current));
    const remove = element("button", { type: "button", "aria-label": `Delete ${title}`, onclick: () => {
      conversations.splice(conversations.indexOf(conversation), 1);
      save();
      if (conversation === current) open(conversations[0] ?? { title: "", messages: [] });
      else showConversations();
    } }, "×");
    return element("li", {}, pick, remove);
  }));
}

function edit(at) {
  const message = current.messages[at];
  const box = element("textarea", { rows: "4", "aria-label": "Edit message" });
  box.value = message.content;
  const done = element("button", { type: "button", onclick: () => {
    message.content = box.value;
    current.messages.length = at + 1;
    answer();
  } }, "Send again");
  find("messages").children[at].replaceChildren(box, done);
  box.focus();
}

function showMessage(message, at) {
  const footer = element("footer");
  if (message.role === "user") {
    footer.append(element("button", { type: "button", onclick: () => !running && edit(at) }, "Edit"));
  } else if (message.role === "assistant") {
    footer.append(element("button", { type: "button", onclick: () => {
      if (running) return;
      current.messages.length = at;
      answer();
    } }, "Retry"));
  }
  const article = element("article", { class: message.role }, ...messageBody(message, false), footer);
  if (message.calls && at === current.messages.length - 1) {
    article.append(resultForm(message, (results) => {
      if (running) return;
      current.messages.push(...results);
      answer();
    }));
  }
  return article;
}

function showAll() {
  find("messages").replaceChildren(...current.messages.map(showMessage));
  find("messages").scrollTop = find("messages").scrollHeight;
  showConversations();
  showPrompt();
}

function prompt() {
  const system = settings.system ? [{ role: "system", content: settings.system }] : [];
  const messages = [...system, ...current.messages.map(apiMessage)];
  const tools = (settings.tools ?? "").trim();
  if (!tools) return { messages };
  try {
    return { messages, tools: JSON.parse(tools) };
  } catch (error) {
    throw new Error(`Tools: ${error.message}`);
  }
}

async function showPrompt() {
  const panel = find("prompt");
  if (!panel.open || !current.messages.length) return;
  try {
    panel.querySelector("pre").textContent = await renderedPrompt(prompt());
  } catch (error) {
    panel.querySelector("pre").textContent = error.message;
  }
}

function requestBody() {
  const body = { model: "default", ...prompt(), logprobs: true, top_logprobs: 5 };
  for (const key of ["temperature", "top_p", "top_k", "min_p", "max_tokens", "seed"]) {
    if (settings[key]) body[key] = Number(settings[key]);
  }
  const stops = (settings.stop ?? "").split("\n").filter(Boolean);
  if (stops.length) body.stop = stops;
  return body;
}

/** Lets the model answer the conversation as it stands. */
async function answer() {
  let body;
  try {
    body = requestBody();
  } catch (error) {
    showAll();
    return say(error.message, true);
  }
  const control = (running = new AbortController());
  const conversation = current;
  const message = { role: "assistant", content: "" };
  conversation.messages.push(message);
  showAll();
  const article = find("messages").lastElementChild;
  find("stop").disabled = false;
  say("Answering");
  try {
    let finish = "";
    for await (const event of streamChat(body, control.signal)) {
      const choice = event.choices?.[0];
      if (!choice) continue;
      addDelta(message, choice);
      finish = choice.finish_reason ?? finish;
      const list = find("messages");
      const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      update(article, message);
      if (isAtEnd) list.scrollTop = list.scrollHeight;
    }
    say(finish === "length" ? "Ended at the token limit" : "Done");
  } catch (error) {
    if (control.signal.aborted) say("Stopped");
    else say(error.message, true);
  }
  if (running === control) {
    running = undefined;
    find("stop").disabled = true;
  }
  save();
  if (conversation === current) showAll();
}

function send() {
  const text = find("input").value.trim();
  if (!text || running) return;
  if (!conversations.includes(current)) conversations.unshift(current);
  current.title ||= text.slice(0, 60);
  current.messages.push({ role: "user", content: text });
  find("input").value = "";
  answer();
}

async function showModel() {
  try {
    find("model").textContent = (await getJSON("/v1/models")).data.map((model) => model.id).join(", ");
  } catch (error) {
    say(error.message, true);
  }
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  settings.theme = theme;
}

function start() {
  find("composer").addEventListener("submit", (event) => (event.preventDefault(), send()));
  find("input").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && running?.abort());
  find("stop").addEventListener("click", () => running?.abort());
  find("new").addEventListener("click", () => open({ title: "", messages: [] }));
  find("prompt").addEventListener("toggle", showPrompt);
  find("key").value = sessionStorage.getItem("martlet.key") ?? "";
  find("key").addEventListener("change", () => {
    sessionStorage.setItem("martlet.key", find("key").value);
    say("");
    showModel();
  });
  find("theme").addEventListener("click", () => {
    const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
      || (!settings.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    setTheme(isDark ? "light" : "dark");
    save();
  });
  find("sampling").addEventListener("submit", (event) => event.preventDefault());
  for (const field of find("sampling").elements) {
    field.value = settings[field.name] ?? "";
    field.addEventListener("change", () => {
      settings[field.name] = field.value;
      save();
    });
  }
  setTheme(settings.theme);
  showAll();
  showModel();
  watchLoad();
}

start();

"""##),
    PageFile(
      path: "/ui/charts.js", contentType: "text/javascript; charset=utf-8", tag: "\"07c63306bd38ca3ce0e2\"",
      text: ##"""
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

"""##),
    PageFile(
      path: "/ui/dom.js", contentType: "text/javascript; charset=utf-8", tag: "\"985750b2d53e36bf3022\"",
      text: ##"""
/** Makes an element. Children are nodes or text; text never becomes markup. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

export const find = (id) => document.getElementById(id);

"""##),
    PageFile(
      path: "/", contentType: "text/html; charset=utf-8", tag: "\"d1382ef30102f24cd60f\"",
      text: ##"""
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Martlet</title>
  <link rel="stylesheet" href="/ui/style.css">
  <script type="module" src="/ui/app.js"></script>
</head>
<body>
  <header>
    <h1>Martlet</h1>
    <span id="model"></span>
    <label>Key <input id="key" type="password" autocomplete="off" placeholder="none"></label>
    <button id="theme" type="button">Light / dark</button>
  </header>
  <div id="columns">
    <nav aria-label="Conversations">
      <button id="new" type="button">New conversation</button>
      <ul id="conversations"></ul>
    </nav>
    <main>
      <div id="messages" role="log" aria-label="Messages" tabindex="0"></div>
      <p id="status" role="status" aria-live="polite"></p>
      <form id="composer">
        <label class="hidden" for="input">Message</label>
        <textarea id="input" rows="3" placeholder="Enter sends, Shift+Enter breaks the line, Esc stops"></textarea>
        <button id="send" type="submit">Send</button>
        <button id="stop" type="button" disabled>Stop</button>
      </form>
    </main>
    <aside aria-label="Settings and load">
      <details open>
        <summary>Load</summary>
        <div id="charts"></div>
      </details>
      <details>
        <summary>Sampling</summary>
        <form id="sampling">
          <label>System prompt <textarea name="system" rows="2"></textarea></label>
          <label>Temperature <input name="temperature" type="number" min="0" max="2" step="any"></label>
          <label>Top p <input name="top_p" type="number" min="0" max="1" step="any"></label>
          <label>Top k <input name="top_k" type="number" step="1"></label>
          <label>Min p <input name="min_p" type="number" min="0" max="1" step="any"></label>
          <label>Max tokens <input name="max_tokens" type="number" min="1" step="1"></label>
          <label>Seed <input name="seed" type="number" step="1"></label>
          <label>Stop (one a line) <textarea name="stop" rows="2"></textarea></label>
          <label>Tools (JSON list) <textarea name="tools" rows="3" spellcheck="false"></textarea></label>
        </form>
      </details>
      <details id="prompt">
        <summary>Rendered prompt</summary>
        <pre></pre>
      </details>
    </aside>
  </div>
</body>
</html>

"""##),
    PageFile(
      path: "/ui/markdown.js", contentType: "text/javascript; charset=utf-8", tag: "\"70848dbf6c86ff5204ac\"",
      text: ##"""
import { element } from "./dom.js";

const INLINE = /`([^`\n]+)`|\*\*(.+?)\*\*|\*([^*\s][^*\n]*)\*|\[([^\]\n]+)\]\(([^)\s]+)\)/;

/** Code, bold, italics and links; everything else stays text. */
function inline(text) {
  const nodes = [];
  for (;;) {
    const match = INLINE.exec(text);
    if (!match) return text ? [...nodes, text] : nodes;
    const [whole, code, bold, italic, label, address] = match;
    if (match.index > 0) nodes.push(text.slice(0, match.index));
    if (code) nodes.push(element("code", {}, code));
    else if (bold) nodes.push(element("strong", {}, ...inline(bold)));
    else if (italic) nodes.push(element("em", {}, ...inline(italic)));
    else if (/^https?:\/\//i.test(address)) {
      nodes.push(element("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, label));
    } else nodes.push(whole);
    text = text.slice(match.index + whole.length);
  }
}

const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;

/** Nodes for a safe subset of Markdown: paragraphs, fenced code, lists and what `inline` knows. */
export function markdown(text) {
  const nodes = [];
  const lines = text.split("\n");
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(element("p", {}, ...inline(paragraph.join("\n"))));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const item = ITEM.exec(lines[at]);
    if (lines[at].startsWith("```")) {
      flush();
      const code = [];
      while (++at < lines.length && !lines[at].startsWith("```")) code.push(lines[at]);
      nodes.push(element("pre", {}, element("code", {}, code.join("\n"))));
    } else if (item) {
      flush();
      const list = element(item[1] ? "ol" : "ul", item[1] ? { start: item[1] } : {});
      for (let next = item; next; next = ITEM.exec(lines[++at] ?? "")) {
        list.append(element("li", {}, ...inline(next[2])));
      }
      at--;
      nodes.push(list);
    } else if (lines[at].trim() === "") flush();
    else paragraph.push(lines[at]);
  }
  flush();
  return nodes;
}

"""##),
    PageFile(
      path: "/ui/messages.js", contentType: "text/javascript; charset=utf-8", tag: "\"46e05d63279f29d9678b\"",
      text: ##"""
import { element } from "./dom.js";
import { markdown } from "./markdown.js";

const percent = (logprob) => `${(100 * Math.exp(logprob)).toFixed(2)} %`;

function tokenTitle(token) {
  const others = token.top.map((other) => `${JSON.stringify(other.token)} ${percent(other.logprob)}`);
  return [`${token.logprob.toFixed(4)} (${percent(token.logprob)})`, ...others].join("\n");
}

/** Folds one `delta` of a stream into a message. */
export function addDelta(message, choice) {
  const delta = choice.delta ?? {};
  message.content += delta.content ?? "";
  if (delta.reasoning_content) message.reasoning = (message.reasoning ?? "") + delta.reasoning_content;
  for (const part of delta.tool_calls ?? []) {
    message.calls ??= [];
    const call = (message.calls[part.index ?? 0] ??= { id: "", name: "", arguments: "" });
    call.id ||= part.id ?? "";
    call.name += part.function?.name ?? "";
    call.arguments += part.function?.arguments ?? "";
  }
  for (const item of choice.logprobs?.content ?? []) {
    message.tokens ??= [];
    message.tokens.push({ token: item.token, logprob: item.logprob, top: item.top_logprobs ?? [] });
  }
}

/** The message in the form that the API takes. */
export function apiMessage({ role, content, calls, id }) {
  if (role === "tool") return { role, content, tool_call_id: id };
  if (!calls) return { role, content };
  const toolCalls = calls.filter(Boolean).map((call) => ({
    id: call.id, type: "function", function: { name: call.name, arguments: call.arguments },
  }));
  return { role, content, tool_calls: toolCalls };
}

/** A form for what the calls of a message gave; `send` gets the messages that tell it. */
export function resultForm(message, send) {
  const calls = message.calls.filter(Boolean);
  const boxes = calls.map(() => element("textarea", { rows: "2" }));
  const submit = (event) => {
    event.preventDefault();
    send(calls.map((call, at) => ({ role: "tool", id: call.id, content: boxes[at].value })));
  };
  const labels = calls.map((call, at) => element("label", {}, `Result of ${call.name}`, boxes[at]));
  return element("form", { class: "results", onsubmit: submit }, ...labels,
    element("button", { type: "submit" }, "Send results"));
}

/** Shows a message that is still being written in `article`; what the reader has folded or opened stays so. */
export function update(article, message) {
  const states = new Map();
  const parts = () => article.querySelectorAll(":scope > details");
  for (const part of parts()) states.set(part.querySelector("summary").textContent, part.open);
  article.replaceChildren(...messageBody(message, true));
  for (const part of parts()) part.open = states.get(part.querySelector("summary").textContent) ?? part.open;
}

/** What a message looks like. `streaming` leaves out what only makes sense at its end. */
export function messageBody(message, streaming) {
  const nodes = [element("h2", {}, message.role)];
  if (message.reasoning) {
    nodes.push(element("details", {}, element("summary", {}, "Reasoning"), element("p", {}, message.reasoning)));
  }
  nodes.push(...markdown(message.content));
  for (const call of (message.calls ?? []).filter(Boolean)) {
    nodes.push(element("details", { open: "" }, element("summary", {}, `Tool call: ${call.name}`),
      element("pre", {}, call.arguments)));
  }
  if (message.tokens && !streaming) {
    const spans = message.tokens.map((token) => element("span", { title: tokenTitle(token) }, token.token));
    nodes.push(element("details", {}, element("summary", {}, "Tokens (hover for log-probabilities)"),
      element("div", { class: "tokens" }, ...spans)));
  }
  return nodes;
}

"""##),
    PageFile(
      path: "/ui/store.js", contentType: "text/javascript; charset=utf-8", tag: "\"ad2ff0fd73662dc80b98\"",
      text: ##"""
/** Conversations and settings in the browser's own storage. */
const KEY = "martlet.conversations";

function read(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

export const conversations = read(KEY, []);
export const settings = read("martlet.settings", {});

/** Log-probabilities are left out: they are many times the size of the text. */
export function save() {
  const kept = (key, value) => (key === "tokens" ? undefined : value);
  localStorage.setItem(KEY, JSON.stringify(conversations, kept));
  localStorage.setItem("martlet.settings", JSON.stringify(settings));
}

"""##),
    PageFile(
      path: "/ui/style.css", contentType: "text/css; charset=utf-8", tag: "\"0fb62a1c242042358591\"",
      text: ##"""
:root {
  color-scheme: light dark;
  --back: light-dark(#fff, #15181c);
  --soft: light-dark(#f2f4f7, #20252b);
  --text: light-dark(#1a1d21, #e6e8eb);
  --faint: light-dark(#5b6470, #9aa4b0);
  --line: light-dark(#cfd6de, #39414a);
  --accent: light-dark(#0b5fb0, #6db3f8);
  --error: light-dark(#a3161d, #ff8a8a);
}
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
body {
  display: flex; flex-direction: column; height: 100dvh; margin: 0;
  background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
}
header { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; padding: .5rem 1rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.1rem; }
#model { flex: 1 1 9rem; min-width: 0; overflow-wrap: anywhere; color: var(--faint); }
header input { width: 8rem; }
#columns { display: grid; flex: 1; grid-template-columns: 13rem minmax(0, 1fr) 17rem; min-height: 0; }
nav, aside { padding: .75rem; overflow-y: auto; background: var(--soft); }
main { display: flex; flex-direction: column; min-height: 0; padding: .75rem; }
#messages { flex: 1; min-height: 0; overflow-y: auto; }
button, input, textarea {
  border: 1px solid var(--line); border-radius: 4px; padding: .3rem .6rem;
  background: var(--back); color: var(--text); font: inherit;
}
button { cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
#composer { display: flex; gap: .5rem; align-items: end; }
#input { flex: 1; min-width: 0; resize: vertical; }
#status { min-height: 1.5em; margin: .25rem 0; color: var(--faint); }
#status.error { color: var(--error); }
#conversations { margin: .5rem 0; padding: 0; list-style: none; }
#conversations li { display: flex; gap: .25rem; margin-bottom: .25rem; }
#conversations button:first-child { flex: 1; min-width: 0; overflow: hidden; text-align: left; text-overflow: ellipsis; white-space: nowrap; }
#conversations [aria-current="true"] { border-color: var(--accent); }
article { margin-bottom: 1rem; padding: .5rem .75rem; border-radius: 6px; overflow-wrap: anywhere; }
article.user { background: var(--soft); }
article h2 { margin: 0; color: var(--faint); font-size: .8rem; }
article p { margin: .4rem 0; white-space: pre-wrap; }
article > footer { display: flex; gap: .4rem; font-size: .85rem; }
article textarea { width: 100%; }
.results { margin-top: .5rem; }
.results label { display: block; color: var(--faint); }
pre { overflow-x: auto; padding: .5rem; border-radius: 4px; background: var(--soft); white-space: pre-wrap; }
code { font-family: ui-monospace, monospace; }
a { color: var(--accent); }
details { margin-bottom: .5rem; }
summary { cursor: pointer; color: var(--faint); }
.tokens span:hover { background: var(--line); }
.tokens { font-family: ui-monospace, monospace; white-space: pre-wrap; }
#sampling label { display: block; margin: .4rem 0; }
#sampling input, #sampling textarea { display: block; width: 100%; }
svg { display: block; width: 100%; height: 48px; }
svg polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.chart { margin: .25rem 0 .5rem; }
.chart span { float: right; font-variant-numeric: tabular-nums; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 900px) {
  body { height: auto; min-height: 100dvh; }
  #columns { display: flex; flex-direction: column; }
  main { order: -1; min-height: 70dvh; }
  #composer { flex-wrap: wrap; }
  #input { flex-basis: 100%; }
}

"""##),
  ]
}
