// The levers: autopilot, kill switch, undo. Each says in the status line what the server answered.

import { $ } from './dom.js';
import { ApiError, post } from './api.js';
import { t } from './i18n.js';

const ARMED_MS = 5_000;
const SAID_MS = 8_000;

/** Wire the levers. `onDone` is called after each accepted change, `onKey` when the server wants a key. */
export function wireControls({ onDone, onKey }) {
  let status = null;
  let waiting = null;
  let armed = 0;
  let quiet = 0;

  const say = (text, bad = false) => {
    clearTimeout(quiet);
    $('answer').textContent = text;
    $('answer').classList.toggle('is-bad', bad);
    if (!bad) quiet = setTimeout(() => ($('answer').textContent = ''), SAID_MS);
  };

  const send = async (path, body, said) => sendWork(() => post(path, body), said);

  const sendWork = async (work, said) => {
    try {
      say(said(await work()));
      onDone();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) onKey();
      const words = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(' ') : t('ans.unreachable');
      say(words, true);
    }
  };

  const disarm = () => {
    clearTimeout(armed);
    armed = 0;
    show();
  };

  $('pilot').addEventListener('change', async ({ target }) => {
    waiting = target.value;
    await send('/api/autopilot', { mode: target.value }, () => t('ans.pilot', { mode: t(`pilot.${target.value}`) }));
    waiting = null;
    show();
  });

  $('kill').addEventListener('click', async () => {
    if (!armed) {
      armed = setTimeout(disarm, ARMED_MS);
      show();
      return;
    }
    const on = !status?.kill_switch;
    disarm();
    await send('/api/kill-switch', { on }, () => t(on ? 'ans.kill.on' : 'ans.kill.off'));
  });

  $('undo').addEventListener('click', async () => {
    await send('/api/undo', {}, ({ undone }) => t(undone ? 'ans.undone' : 'ans.notundone'));
  });

  function show(next = status) {
    status = next;
    if (!status) return;
    const mode = waiting ?? status.autopilot;
    for (const radio of $('pilot').querySelectorAll('input')) radio.checked = radio.value === mode;
    $('undo').disabled = !status.can_undo;
    const kill = $('kill');
    const text = armed ? t('kill.sure') : t(status.kill_switch ? 'kill.off' : 'kill.on');
    if (kill.textContent !== text) kill.textContent = text;
    kill.setAttribute('aria-pressed', String(status.kill_switch));
    kill.classList.toggle('armed', armed !== 0);
    kill.classList.toggle('is-on', status.kill_switch);
  }
  return { show, send: sendWork };
}
