// The playground: a conversation, its parameters, and an answer that arrives piece by piece.
// The idea: the conversation is an array of messages as the API takes them; an answer that fails or is stopped leaves it
// as it was seen, so the next question continues from there.

import { ask, events, inWords, NodeError } from "./api.js";
import { byId, copy, make, richText } from "./dom.js";

const PARAMETERS = ["system", "temperature", "top_p", "max_tokens", "seed"];
const STORED = "conduit-parameters"; // in localStorage
const NEAR_END_PIXELS = 60; // who scrolled up further is reading and is not pulled down

let messages = []; // {role, content}
let running = null; // AbortController of the answer that is being made
let wanted = ""; // the model of the last visit, until the list is known
let onRefused = () => {};

const log = byId("log");
const welcome = byId("welcome");
const question = byId("question");

// --- parameters

function parameters() {
  const fields = {};
  for (const name of PARAMETERS.slice(1)) {
    const value = byId(name).value;
    if (value !== "") fields[name] = Number(value);
  }
  return fields;
}

function showParameters() {
  const set = PARAMETERS.slice(1).filter((name) => byId(name).value !== "");
  byId("parameters-short").textContent = [
    ...(byId("system").value.trim() ? ["system prompt"] : []),
    ...set.map((name) => `${name.replace("_", " ")} ${byId(name).value}`),
  ].join(" · ");
}

function storeParameters() {
  showParameters();
  const values = Object.fromEntries(["model", ...PARAMETERS].map((name) => [name, byId(name).value]));
  localStorage.setItem(STORED, JSON.stringify(values));
}

function restoreParameters() {
  const values = JSON.parse(localStorage.getItem(STORED) ?? "{}");
  for (const name of PARAMETERS) if (typeof values[name] === "string") byId(name).value = values[name];
  wanted = values.model ?? "";
  showParameters();
}

// A field whose value cannot be sent is shown with the browser's own words.
function areValid() {
  const wrong = PARAMETERS.map(byId).find((field) => !field.checkValidity());
  if (!wrong) return true;
  byId("parameters").open = true;
  wrong.reportValidity();
  return false;
}

// `models`: {name, note}; the choice stays while it can.
export function showModels(models) {
  const select = byId("model");
  const shown = [...select.options].map((option) => option.textContent).join("\n");
  const labels = models.map(({ name, note }) => (note ? `${name} (${note})` : name));
  if (shown === labels.join("\n")) return;
  const chosen = select.value || wanted;
  select.replaceChildren(...models.map(({ name }, i) => make("option", { value: name }, labels[i])));
  if (models.length === 0) select.append(make("option", { value: "" }, "no model yet"));
  if (models.some(({ name }) => name === chosen)) select.value = chosen;
}

// --- the conversation as it is seen

function isAtEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PIXELS;
}

function toEnd() {
  log.scrollTop = log.scrollHeight;
}

function copyButton(text) {
  const button = make("button", { type: "button", className: "quiet" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await copy(text());
      button.textContent = "Copied";
    } catch (error) {
      button.textContent = "Cannot copy";
      button.title = error.message;
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

function addMessage(role) {
  welcome.hidden = true;
  const body = make("div", { className: "text" });
  const foot = make("p", { className: "foot muted small" });
  const name = role === "user" ? "You" : byId("model").value;
  const article = make("article", { className: role }, make("h3", { className: "small muted" }, name), body, foot);
  log.append(article);
  return { article, body, foot };
}

function showFailure(view, message) {
  const again = make("button", { type: "button", className: "quiet" }, "Try again");
  again.addEventListener("click", () => {
    if (running) return;
    view.article.remove();
    answer();
  });
  view.article.append(make("p", { className: "failure", role: "alert" }, message), again);
  view.again = again;
}

function setRunning(controller) {
  running = controller;
  byId("send").hidden = controller !== null;
  byId("stop").hidden = controller === null;
}

// --- an answer

// What has arrived of one answer, and when.
function newAnswer() {
  return { text: "", thought: "", reason: null, usage: null, begun: performance.now(), first: 0, last: 0, isWhole: false };
}

function take(state, data) {
  if (data === "[DONE]") {
    state.isWhole = true;
    return;
  }
  const event = JSON.parse(data);
  if (event.error) throw new NodeError(event.error.message ?? "the node could not go on");
  if (event.usage) state.usage = event.usage;
  const choice = event.choices?.[0];
  if (!choice) return;
  const { content, reasoning_content: thought } = choice.delta ?? {};
  if (content || thought) {
    state.last = performance.now();
    state.first ||= state.last;
  }
  state.text += content ?? "";
  state.thought += thought ?? "";
  state.reason = choice.finish_reason ?? state.reason;
}

function showAnswer(view, state) {
  const stays = isAtEnd();
  view.body.replaceChildren(...richText(state.text));
  if (state.thought) {
    view.thought ??= view.article.insertBefore(
      make("details", { className: "thought" }, make("summary", {}, "Thoughts"), make("div", { className: "text" })), view.body);
    view.thought.lastChild.textContent = state.thought;
  }
  if (stays) toEnd();
}

function facts(state, ending) {
  const count = state.usage?.completion_tokens;
  const seconds = (state.last - state.first) / 1000;
  return [
    ...(count ? [`${count} token${count === 1 ? "" : "s"}`] : []),
    ...(count > 1 && seconds > 0 ? [`${((count - 1) / seconds).toFixed(1)} tokens/s`] : []),
    ...(state.first ? [`first after ${((state.first - state.begun) / 1000).toFixed(2)} s`] : []),
    ...(ending ? [ending] : []),
  ].join(" · ");
}

async function stream(state, signal, onChange) {
  const system = byId("system").value.trim();
  const body = {
    model: byId("model").value,
    messages: [...(system ? [{ role: "system", content: system }] : []), ...messages],
    stream: true,
    stream_options: { include_usage: true },
    ...parameters(),
  };
  const response = await ask("v1/chat/completions", { body, signal });
  for await (const data of events(response)) {
    take(state, data);
    onChange();
  }
  if (!state.isWhole) throw new NodeError("The connection ended before the answer did: the node went away.");
}

async function answer() {
  const controller = new AbortController();
  const view = addMessage("assistant");
  const state = newAnswer();
  let frame = 0; // pieces that arrive within one are drawn together
  const draw = () => {
    frame = 0;
    showAnswer(view, state);
  };
  setRunning(controller);
  view.article.setAttribute("aria-busy", "true"); // read out when whole, not word by word
  view.article.classList.add("running");
  toEnd();
  let ending = "";
  let failure = null;
  try {
    await stream(state, controller.signal, () => (frame ||= requestAnimationFrame(draw)));
    if (state.reason === "length") ending = "cut at its limit of tokens";
  } catch (error) {
    if (controller.signal.aborted) ending = "stopped";
    else failure = inWords(error);
  }
  cancelAnimationFrame(frame);
  if (!view.article.isConnected) return; // a new chat was begun meanwhile
  setRunning(null);
  draw();
  view.article.removeAttribute("aria-busy");
  view.article.classList.remove("running");
  if (state.text && !failure) messages.push({ role: "assistant", content: state.text });
  view.foot.append(facts(state, ending), ...(state.text ? [copyButton(() => state.text)] : []));
  byId("said").textContent = failure ? "" : `The answer is ${ending || "complete"}.`;
  if (failure) {
    showFailure(view, failure.message);
    if (failure.status === 401) onRefused();
  }
  toEnd();
}

function send() {
  const text = question.value.trim();
  if (!text || running || !areValid()) return;
  // A question whose answer failed is asked anew by its button, or given up by the next question.
  if (messages.at(-1)?.role === "user") messages.pop();
  for (const button of log.querySelectorAll("article > button")) button.remove();
  messages.push({ role: "user", content: text });
  addMessage("user").body.textContent = text;
  question.value = "";
  fit();
  answer();
}

function reset() {
  running?.abort();
  setRunning(null);
  messages = [];
  log.replaceChildren(welcome);
  welcome.hidden = false;
  question.focus();
}

// As high as its text, up to a third of the window (page.css).
function fit() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight + 2}px`;
}

// `refused`: called when the node wants a key.
export function startChat(refused) {
  onRefused = refused;
  restoreParameters();
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  byId("composer").addEventListener("change", storeParameters);
  byId("model").addEventListener("change", storeParameters);
  byId("reset").addEventListener("click", reset);
  byId("stop").addEventListener("click", () => {
    running?.abort();
    question.focus();
  });
  question.addEventListener("input", fit);
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") running?.abort();
  });
  for (const button of document.querySelectorAll(".suggestion"))
    button.addEventListener("click", () => {
      question.value = button.textContent;
      send();
      question.focus();
    });
}
