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
export function apiMessage({ role, content, calls }) {
  if (!calls) return { role, content };
  const toolCalls = calls.filter(Boolean).map((call) => ({
    id: call.id, type: "function", function: { name: call.name, arguments: call.arguments },
  }));
  return { role, content, tool_calls: toolCalls };
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
