// The page's state, kept up to date by the service's event stream.

const MAX_ROWS = 1000;
const MAX_SECONDS = 300;
const RECONNECT_MS = 1000;

export const state = {
  url: "", editor: { project: "", editorRoot: "" }, rows: new Map(), functions: [], pins: [], running: [], seconds: [], replay: false, connected: false,
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
    state.seconds = message.seconds;
    state.url = message.url;
    state.editor = message.editor;
    state.connected = true;
  }
  for (const name of ["functions", "pins", "running", "replay"]) if (name in message) state[name] = message[name];
  if (message.second) state.seconds = [...state.seconds, message.second].slice(-MAX_SECONDS);
  const removed = addRows(message.rows ?? []);
  notify(changed);
  for (const listener of rowListeners) listener(message, removed);
}

function addRows(rows) {
  for (const row of rows) state.rows.set(row.id, row);
  const removed = [];
  for (const id of state.rows.keys()) {
    if (state.rows.size <= MAX_ROWS) break;
    state.rows.delete(id);
    removed.push(id);
  }
  return removed;
}
