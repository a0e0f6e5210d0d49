// How the page asks its node: the API key, time limits, and failures as sentences.

const STORED_KEY = "conduit-api-key"; // in sessionStorage: gone with the tab
let key = sessionStorage.getItem(STORED_KEY) ?? "";

export function setKey(text) {
  key = text;
  sessionStorage.setItem(STORED_KEY, text);
}

export const hasKey = () => key !== "";

export class NodeError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status; // of HTTP; 0: no answer came
  }
}

// The node's own words where it has some.
async function refusal(response) {
  try {
    const { error } = await response.json();
    if (error.message) return error.message;
  } catch {
    // not JSON: a proxy's page, or a node that went away meanwhile
  }
  return `the node answered with HTTP status ${response.status}`;
}

// GET, or POST where there is a body. Throws NodeError, or what `signal` was aborted with.
export async function ask(path, { body, signal } = {}) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET",
      body: body && JSON.stringify(body),
      headers,
      signal,
      cache: "no-store",
    });
  } catch (error) {
    throw inWords(error);
  }
  if (!response.ok) throw new NodeError(await refusal(response), response.status);
  return response;
}

// What a browser throws when a connection fails has no words that help.
export function inWords(error) {
  if (error.name === "TimeoutError") return new NodeError("The node does not answer.");
  if (error.name === "TypeError") return new NodeError("The node cannot be reached. Is it still running?");
  return error;
}

// The data of each server-sent event.
export async function* events(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    pending += decoder.decode(value, { stream: true });
    const lines = pending.split("\n");
    pending = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
  }
}
