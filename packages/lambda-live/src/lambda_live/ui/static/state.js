// The page's state, kept up to date by the service's event stream.

const MAX_ROWS = { client: 1000, automatic: 500, note: 500 }; // as in the service's history
const MAX_SECONDS = 300;
const RECONNECT_MS = 1000;

export const state = {
  url: "", editor: { project: "", editorRoot: "", template: "" }, canCheck: false, hasResources: false, checkProgress: null, rows: new Map(), functions: [], pins: [], running: [], seconds: [], replay: false, connected: false,
};

const changeListeners = new Set();
const rowListeners = new Set();

// Calls the listener with the names of the changed fields.
export function onChange(listener) {
  changeListeners.add(listener);
}

// Calls the listener with each message and the ids of the rows that were removed.
export function onRows(listener) {
  rowListeners.add(listener);
}

export function connect() {
  const source = new EventSource("/api/feed");
  source.onmessage = ({ data }) => update(JSON.parse(data));
  source.onerror = () => {
    state.connected = false;
    notify(new Set(["connected"]));
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RECONNECT_MS);
  };
}

function notify(changed) {
  for (const listener of changeListeners) listener(changed);
}

function update(message) {
  const changed = new Set(Object.keys(message));
  if (message.snapshot) {
    state.rows.clear();
    for (const ids of Object.values(groups)) ids.length = 0;
    state.canCheck = message.canCheck;
    state.hasResources = message.hasResources;
    state.seconds = message.seconds;
    state.url = message.url;
    state.editor = message.editor;
    state.connected = true;
  }
  for (const name of ["functions", "pins", "running", "replay", "checkProgress"]) if (name in message) state[name] = message[name];
  if (message.second) state.seconds = [...state.seconds, message.second].slice(-MAX_SECONDS);
  const rows = message.rows ?? [];
  const stillRunning = state.running.filter(({ requestId }) => !rows.some((row) => row.requestId === requestId));
  if (stillRunning.length < state.running.length) { state.running = stillRunning; changed.add("running"); } // the list of running ones comes once a second
  const removed = addRows(rows);
  notify(changed);
  for (const listener of rowListeners) listener(message, removed);
}

const groups = { client: [], automatic: [], note: [] };

const groupOf = (row) => (row.kind !== "invocation" ? "note" : row.client === "check" || row.client === "replay" ? "automatic" : "client");

// Adds new rows, and replaces those whose fields changed.
function addRows(rows) {
  const removed = [];
  for (const row of rows) {
    const group = groupOf(row);
    if (!state.rows.has(row.id)) groups[group].push(row.id);
    state.rows.set(row.id, row);
    while (groups[group].length > MAX_ROWS[group]) removed.push(groups[group].shift());
  }
  for (const id of removed) state.rows.delete(id);
  return removed;
}
