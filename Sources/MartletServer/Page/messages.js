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
