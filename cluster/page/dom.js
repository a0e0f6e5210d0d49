// Elements, and values as text. Text of models and nodes only ever becomes text nodes, never HTML.

// make("p", {className: "muted"}, "text", element …)
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

// A state as a word in a coloured frame: the colour never says it alone.
export const chip = (state) => make("span", { className: "chip", "data-state": state }, state);

// **bold** and `code`
function inline(text) {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part) => {
    if (part.length > 2 && part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    if (part.length > 4 && part.startsWith("**")) return make("strong", {}, part.slice(2, -2));
    return part;
  });
}

// The little Markdown that makes an answer readable: fenced code, headings, bold, inline code. All else stays as written.
export function richText(text) {
  return text.split(/^```/m).flatMap((part, i) => {
    if (i % 2 === 1) {
      const end = part.indexOf("\n"); // behind the language's name
      return [make("pre", { tabIndex: 0 }, make("code", {}, end < 0 ? "" : part.slice(end + 1).trimEnd()))];
    }
    const prose = i > 0 ? part.replace(/^\n+/, "") : part; // a code block has its own space around it
    return prose.replace(/\n+$/, "").split(/^(#{1,6} .*)$/m).flatMap((piece, j) =>
      j % 2 === 1 ? [make("strong", {}, piece.replace(/^#+ /, ""))] : inline(piece));
  });
}

export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Over plain HTTP from another machine browsers have no clipboard API.
  const area = make("textarea", { value: text });
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("the browser did not let the page copy");
}

export function bytes(count) {
  if (count === null || count === undefined) return "unknown";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${count.toFixed(count < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}
