// What the buttons of the rollout do. The answer of the server stands in the status line of the levers.

import { $ } from './dom.js';
import { post } from './api.js';
import { t } from './i18n.js';

/** `send(work, said)` of the levers says what came of it; `state.forcing` is the capability whose form is open. */
export function wireRollout({ send, state, draw, find }) {
  const answer = (id, said) => send(() => post(`/api/suggestions/${encodeURIComponent(id)}`, { answer: said }), () => t(`ans.${said}`));
  const move = (capability, body) => send(() => post('/api/rollout', { capability, ...body }),
    ({ stage }) => t('ans.stage', { capability: t(`cap.${capability}`), stage: t(`pilot.${stage}`) }));
  const acts = {
    approve: (id) => answer(id, 'approve'),
    dismiss: (id) => answer(id, 'dismiss'),
    lower: (id) => move(id, { move: 'lower' }),
    raise: (id) => {
      if (find(id)?.missing.length) return open(state.forcing === id ? null : id);
      return move(id, { move: 'raise' });
    },
  };

  function open(id) {
    state.forcing = id;
    draw();
    if (id !== null) $(`why-${id}`)?.focus();
  }

  $('rollout').addEventListener('click', async ({ target }) => {
    const button = target.closest('button[data-roll]');
    if (!button || button.disabled) return;
    button.disabled = true;
    await acts[button.dataset.roll](button.dataset.id);
    button.disabled = false;
  });
  $('rollout').addEventListener('submit', async (event) => {
    event.preventDefault();
    const { id } = event.target.dataset;
    await move(id, { move: 'raise', force: true, reason: event.target.elements.why.value });
    open(null);
  });
  $('rollout-show').addEventListener('click', () => {
    state.rolloutAsked = !state.rolloutAsked;
    draw();
    if (!$('rollout').hidden) $('rollout').scrollIntoView({ block: 'nearest' });
  });
}
