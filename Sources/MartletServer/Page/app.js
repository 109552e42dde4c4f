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
