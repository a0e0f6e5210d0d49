// What /status tells, as lists: memory plan of each device, models, replicas, nodes.
// The idea: a list is made anew only when what it shows has changed, so a reader's place in it, and a screen reader's,
// stays. A field that the node cannot know is null, and is left out or called unknown here, never guessed.

import { byId, bytes, chip, make } from "./dom.js";

const known = (value) => value !== null && value !== undefined;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function card(title, state, ...lines) {
  const head = make("p", { className: "head" }, make("b", {}, title), known(state) ? chip(state) : null);
  return make("li", { className: "card" }, head, ...lines);
}

const line = (...parts) => {
  const text = parts.filter(known).join(" · ");
  return text ? make("p", { className: "muted small" }, text) : null;
};

const load = ({ running, waiting }) =>
  known(running) && known(waiting) ? `${running} running, ${waiting} waiting` : null;

// --- cards

// Weights, KV cache, the rest of what is taken, free: together the budget.
function planParts({ budget_bytes: budget, weights_bytes: weights, kv_cache_bytes: pages, free_bytes: free }) {
  const parts = [["weights", weights], ["KV cache", pages], ["free", free]].filter(([, size]) => known(size));
  const rest = budget - weights - pages - free;
  if ([budget, weights, pages, free].every(known) && rest > 0) parts.splice(2, 0, ["scratch", rest]);
  return parts;
}

function memoryPlan(memory) {
  const parts = planParts(memory);
  if (parts.length === 0) return [line("its memory is not known here")];
  const total = memory.budget_bytes ?? parts.reduce((sum, [, size]) => sum + size, 0);
  const bar = make("div", { className: "plan", "aria-hidden": "true" });
  const legend = make("ul", { className: "legend" });
  for (const [name, size] of parts) {
    const kind = name.replace(" ", "-").toLowerCase();
    const piece = make("span", { className: kind });
    piece.style.flexGrow = total > 0 ? size / total : 0;
    bar.append(piece);
    legend.append(make("li", {}, make("i", { className: `key ${kind}` }), `${name} `, make("b", {}, bytes(size))));
  }
  return [bar, legend];
}

function deviceCard(device) {
  const { memory, kv_cache_usage: usage, threads } = device;
  const budget = memory && known(memory.budget_bytes) ? `${bytes(memory.budget_bytes)} for models` : null;
  return card(device.name, null,
    line(device.node, known(threads) ? plural(threads, "thread") : null, budget, load(device),
      known(usage) ? `KV cache ${Math.round(100 * usage)} % in use` : null),
    ...(memory ? memoryPlan(memory) : []));
}

function modelCard(model) {
  return card(model.name, model.state,
    line(model.task, known(model.max_model_len) ? `${model.max_model_len.toLocaleString("en")} tokens` : null,
      model.bytes ? bytes(model.bytes) : null),
    known(model.error) ? make("p", { className: "failure small" }, model.error) : null);
}

const replicaCard = (replica) =>
  card(replica.model, replica.state,
    line(known(replica.node) ? `on ${replica.node}` : null, replica.device, load(replica), replica.local === false ? "remote" : null));

const nodeCard = (node) =>
  card(node.name, node.state,
    line(node.address, node.self ? "this node" : null, known(node.left_at) ? `${node.reason}, ${new Date(1000 * node.left_at).toLocaleTimeString()}` : null));

// --- lists

const shown = new Map(); // id → what it was made of

function showList(id, items, toCard, nothing) {
  const text = JSON.stringify(items);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const cards = items.map(toCard);
  byId(id).replaceChildren(...(cards.length > 0 ? cards : [make("li", { className: "muted" }, nothing)]));
}

// `status`: /status.
export function showCluster({ devices, models, replicas, nodes }) {
  showList("devices", devices, deviceCard, "no device is known");
  showList("models", models, modelCard, "no model is known");
  showList("replicas", replicas, replicaCard, "no replica is ready");
  showList("nodes", nodes, nodeCard, "this node is alone");
}
