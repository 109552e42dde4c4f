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
