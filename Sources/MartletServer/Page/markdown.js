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
