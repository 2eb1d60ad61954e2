// What the buttons of the alerts do. The answer of the server stands in the status line of the levers.

import { $ } from './dom.js';
import { post, remove } from './api.js';
import { t } from './i18n.js';

const SILENCE_FOR = '1h';
const at = (id, what) => `/api/alerts/${encodeURIComponent(id)}/${what}`;

/** `send(work, said)` of the levers says what came of it; `find(id)` gives the alert that a button is about. */
export function wireAlerts({ send, find }) {
  const acts = {
    ack: (id) => send(() => post(at(id, 'ack'), {}), () => t('ans.ack')),
    unack: (id) => send(() => post(at(id, 'ack'), { undo: true }), () => t('ans.unack')),
    silence: (id) => send(
      () => post('/api/silences', { matchers: matchersOf(find(id)), duration: SILENCE_FOR }), () => t('ans.silence')),
    unsilence: (id) => send(() => remove(`/api/silences/${encodeURIComponent(id)}`), () => t('ans.unsilence')),
    unmute: (id) => send(() => remove(`/api/mutes/${encodeURIComponent(id)}`), () => t('ans.unmute')),
    useful: (id) => vote(id, 'useful'),
    noise: (id) => vote(id, 'noise'),
  };
  // The same word again takes it back.
  const vote = (id, word) => {
    const said = find(id)?.feedback === word ? 'undo' : word;
    return send(() => post(at(id, 'feedback'), { vote: said }), () => t(`ans.${said}`));
  };
  $('alerts').addEventListener('click', async ({ target }) => {
    const button = target.closest('button[data-act]');
    if (!button || button.disabled) return;
    button.disabled = true;
    await acts[button.dataset.act](button.dataset.id);
    button.disabled = false;
  });
}

/** What identifies the alert, and so also its return; the rest of its labels follows from these. */
function matchersOf(alert) {
  const names = ['kind', 'channel', 'region', 'provider', 'metric', 'budget', 'stage', 'receiver', 'cause'];
  const about = alert?.labels ?? {};
  const wanted = about.channel ? ['kind', 'channel', 'metric', 'cause'] : names;
  return wanted.filter((name) => about[name]).map((name) => `${name}="${about[name]}"`);
}
