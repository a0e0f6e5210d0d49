// The page's clock: asks the node once a second while it is seen, and hands out what it says. Also the key field and, on
// narrow windows, which part is shown.

import { ask, hasKey, inWords, NodeError, setKey } from "./api.js";
import { addReading, startCharts } from "./charts.js";
import { showModels, startChat } from "./chat.js";
import { showCluster } from "./cluster.js";
import { byId, duration } from "./dom.js";

const POLL_MS = 1000;
const MODELS_EVERY = 5; // turns: the list changes seldom
const PATIENCE_MS = 5000; // with one reply
const GENERATES = [undefined, null, "generate"]; // tasks that a chat can be had with

let timer = 0;
let isAsking = false;
let turn = 0;
let models = null; // /v1/models, as of the last time

// --- what the node says

function showLink(state) {
  const link = byId("link");
  if (link.dataset.state === state) return; // a screen reader tells changes alone
  link.dataset.state = state;
  link.textContent = { ready: "connected", failed: "no connection", loading: "key needed" }[state];
}

function showTrouble(message) {
  const trouble = byId("trouble");
  if (trouble.textContent !== message) trouble.textContent = message;
  trouble.hidden = message === "";
}

function showAbout(status) {
  if (!status) return;
  const { node, version, uptime_seconds: uptime } = status;
  byId("about").textContent = [node, version && `version ${version}`, uptime && `up ${duration(uptime)}`].filter(Boolean).join(" · ");
}

// /v1/models has every name that a request may give, adapters too; /status knows what each is for.
function modelChoices(list, status) {
  const told = new Map((status?.models ?? []).map((model) => [model.name, model]));
  const notes = { loading: "loading", unloaded: "loads when asked", failed: "failed" };
  return list.data
    .map(({ id }) => ({ name: id, task: told.get(id)?.task, note: notes[told.get(id)?.state] }))
    .filter(({ task }) => GENERATES.includes(task));
}

async function askAll() {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const json = (response) => response.json();
  const [metrics, list, status] = await Promise.all([
    ask("metrics", { signal }).then((response) => response.text()),
    turn % MODELS_EVERY === 0 ? ask("v1/models", { signal }).then(json) : models,
    ask("status", { signal }).then(json, (error) => {
      if (error.status === 404) return null;
      throw error;
    }),
  ]);
  turn += 1;
  models = list;
  addReading(metrics);
  showModels(modelChoices(models, status));
  showCluster(status);
  showAbout(status);
}

// --- the clock

async function tick() {
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    await askAll();
    showLink("ready");
    showTrouble("");
  } catch (problem) {
    const error = inWords(problem);
    if (error.status === 401) return askForKey();
    showLink("failed");
    showTrouble(error instanceof NodeError ? error.message : `The page could not read the node's answer: ${error.message}`);
  } finally {
    isAsking = false;
  }
  clearTimeout(timer);
  timer = setTimeout(tick, POLL_MS);
}

// Asking goes on when there is a new key.
function askForKey() {
  showLink("loading");
  showTrouble("");
  if (!byId("key-form").hidden) return;
  byId("key-form").hidden = false;
  if (hasKey()) byId("key-note").textContent = "That key was refused. Another one?";
  byId("key").focus();
}

byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setKey(byId("key").value);
  byId("key").value = "";
  byId("key-form").hidden = true;
  await tick();
  if (byId("key-form").hidden) byId("question").focus();
});

// --- narrow windows show one part at a time

function showView(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll("nav button")) {
    if (button.dataset.view === view) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

document.querySelector("nav").addEventListener("click", (event) => {
  if (event.target.dataset.view) showView(event.target.dataset.view);
});

document.addEventListener("visibilitychange", tick);
startCharts(byId("charts"));
startChat(askForKey);
tick();
