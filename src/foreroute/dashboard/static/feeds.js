// What is fetched beside the stream: the selected channel and its record, the decisions, the spend, the alerts. Never twice at a time.

import { ApiError, get } from './api.js';

const PATHS = {
  detail: ({ selected }) => `/api/channels/${encodeURIComponent(selected)}`,
  decisions: () => '/api/decisions?limit=50',
  spend: () => '/api/spend',
  alerts: () => '/api/alerts',
  record: ({ selected }) => `/api/forecasts/record?channel=${encodeURIComponent(selected)}`,
};
const PICK = { detail: (answer) => answer, decisions: (answer) => answer.decisions, spend: (answer) => answer, alerts: (answer) => answer, record: (answer) => answer };
const OF_CHANNEL = new Set(['detail', 'record']);

/** poll(name, youngMs) puts the answer into state[name], unless the last one is younger than that. */
export function makeFeeds({ state, onChange, onKey }) {
  const fetchedAt = {};
  const busy = new Set();

  return async function poll(name, youngMs) {
    if (busy.has(name) || (OF_CHANNEL.has(name) && state.selected === null)) return;
    if (fetchedAt[name] && performance.now() - fetchedAt[name] < youngMs) return;
    busy.add(name);
    const asked = state.selected;
    try {
      state[name] = PICK[name](await get(PATHS[name](state)));
      onChange();
    } catch (error) {
      // What was fetched before stays; the live mark says how old the page is.
      if (error instanceof ApiError && error.status === 401) onKey();
    } finally {
      fetchedAt[name] = performance.now();
      busy.delete(name);
    }
    if (OF_CHANNEL.has(name) && asked !== state.selected) poll(name, 0);
  };
}
