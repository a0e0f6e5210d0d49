// The page's clock: asks the node once a second while it is seen, and hands out what it says. Also the key field and, on
// narrow windows, which part is shown.

import { ask, hasKey, inWords, NodeError, setKey } from "./api.js";
import { addReading, startCharts } from "./charts.js";
import { showModels, startChat } from "./chat.js";
import { showCluster } from "./cluster.js";
import { byId, duration } from "./dom.js";

const POLL_MS = 1000;
const PATIENCE_MS = 5000; // with one reply
const GENERATES = [null, "generate"]; // tasks that a chat can be had with

let timer = 0;
let asking = null; // what is being asked, until it is answered

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

function showAbout({ node, version, uptime_seconds: uptime }) {
  byId("about").textContent = [node, version && `version ${version}`, uptime && `up ${duration(uptime)}`].filter(Boolean).join(" · ");
}

// Every name that a request may give, adapters too.
function modelChoices(models) {
  const notes = { loading: "loading", unloaded: "loads when asked", failed: "failed" };
  return models.filter(({ task }) => GENERATES.includes(task)).map(({ name, state }) => ({ name, note: notes[state] }));
}

async function askAll() {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const [metrics, status] = await Promise.all([
    ask("metrics", { signal }).then((response) => response.text()),
    ask("status", { signal }).then((response) => response.json()),
  ]);
  addReading(metrics);
  showModels(modelChoices(status.models));
  showCluster(status);
  showAbout(status);
}

// --- the clock

async function askOnce() {
  clearTimeout(timer);
  try {
    await askAll();
    byId("key-form").hidden = true;
    showLink("ready");
    showTrouble("");
  } catch (problem) {
    const error = inWords(problem);
    if (error.status === 401) return askForKey();
    showLink("failed");
    showTrouble(error instanceof NodeError ? error.message : `The page could not read the node's answer: ${error.message}`);
  }
  timer = setTimeout(tick, POLL_MS);
}

function tick() {
  if (document.hidden) return null;
  asking ??= askOnce().finally(() => (asking = null));
  return asking;
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
  await asking; // its refusal would be of the key before
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
