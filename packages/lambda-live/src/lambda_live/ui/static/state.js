// What the service has told, and who wants to hear of it.

const KEPT = 1000;

export const state = {
  url: "", editor: { here: "", there: "" }, rows: new Map(), functions: [], pins: [], running: [], seconds: [], replay: false, connected: false,
};

const listeners = new Set();

export function listen(listener) {
  listeners.add(listener);
}

function tell(changed) {
  for (const listener of listeners) listener(changed);
}

export function follow() {
  const source = new EventSource("/api/feed");
  source.onmessage = ({ data }) => take(JSON.parse(data));
  source.onerror = () => {
    state.connected = false;
    tell(new Set(["connected"]));
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  };
}

function take(told) {
  const changed = new Set(Object.keys(told));
  if (told.hello) {
    state.rows.clear();
    state.seconds = told.past;
    state.url = told.url;
    state.editor = told.editor;
    state.connected = true;
  }
  for (const name of ["functions", "pins", "running", "replay"]) if (name in told) state[name] = told[name];
  if (told.second) state.seconds = [...state.seconds, told.second].slice(-300);
  const gone = add(told.rows ?? []);
  tell(changed);
  for (const listener of rowListeners) listener(told, gone);
}

const rowListeners = new Set();

export function listenToRows(listener) {
  rowListeners.add(listener);
}

function add(rows) {
  for (const row of rows) state.rows.set(row.id, row);
  const gone = [];
  for (const id of state.rows.keys()) {
    if (state.rows.size <= KEPT) break;
    state.rows.delete(id);
    gone.push(id);
  }
  return gone;
}
