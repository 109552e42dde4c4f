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
