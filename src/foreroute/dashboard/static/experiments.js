// The page of experiments: what is defined, what runs, what was found, and what to do about it.

import { $, h, patch } from './dom.js';
import { ApiError, get, post } from './api.js';
import { armsCard, effectsCard, listCard, restCard } from './exp-cards.js';
import { verdictOf } from './exp-words.js';
import { addTexts, rich, t } from './i18n.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';
import { EN } from './text-experiments-en.js';
import { KO } from './text-experiments-ko.js';

const POLL_MS = 5_000;
const ARMED_MS = 5_000;
const SAMPLE = `experiments:
  - id: faster
    routes: [chat]
    arms:
      - {name: control}
      - {name: eu, channels: {openai-eu: 1}}
    measure: latency
    effect: 0.05
    guardrails: [{measure: failures, worse_max: 0.1}]`;

addTexts({ en: EN, ko: KO });
const state = { found: null, shown: null, selected: decodeURIComponent(location.hash.slice(1)) || null, width: 600, link: 'connecting', armed: null };

/* ---- what comes in ---- */

async function poll() {
  try {
    const found = await get('/api/experiments');
    state.found = found;
    state.selected = selection(found);
    const asked = state.selected;
    const shown = asked === null ? null : await get(`/api/experiments/${encodeURIComponent(asked)}`);
    if (asked === state.selected) state.shown = shown;
    state.link = 'live';
  } catch (error) {
    state.link = error instanceof ApiError && error.status === 401 ? 'key' : 'lost';
    if (state.link === 'key') askForKey();
  }
  draw();
}

/** What a person chose stays; until then what runs, then the newest, then what is defined. */
function selection({ runs, defined }) {
  const names = [...runs.map((run) => run.run), ...defined.map((one) => one.id)];
  if (names.includes(state.selected)) {
    const newest = runs.find((run) => run.experiment === state.selected);
    return newest ? newest.run : state.selected;
  }
  return (runs.find((run) => run.state === 'running') ?? runs[0])?.run ?? defined[0]?.id ?? null;
}

/* ---- what is drawn ---- */

function draw() {
  const { found, shown, link } = state;
  $('live').classList.toggle('stale', link !== 'live');
  $('live-text').textContent = t(link === 'live' ? 'exp.live' : `live.${link}`);
  $('page').hidden = found === null || state.selected === null;
  document.title = `${t('exp.title')} · Foreroute`;
  if (found === null) {
    patch($('headline'), rich(`wait.${link}`, {}, 'span', { class: 'em' }));
    return;
  }
  patch($('headline'), headline(found));
  patch($('subline'), found.defined.length + found.runs.length === 0 ? [t('exp.head.example'), h('pre', { class: 'sample' }, SAMPLE)] : []);
  patch($('acts'), buttons(shown));
  if ($('page').hidden) return;
  patch($('list'), listCard(found, state.selected));
  if (shown === null) return;
  patch($('effects'), effectsCard(shown, state.width));
  $('arms').hidden = $('rest').hidden = shown.run === null;
  if (shown.run === null) return;
  patch($('arms'), armsCard(shown));
  patch($('rest'), restCard(shown));
}

function headline({ runs, defined }) {
  const running = runs.filter((run) => run.state === 'running').length;
  const key = running > 0 ? 'exp.head.running' : runs.length > 0 ? 'exp.head.over' : defined.length > 0 ? 'exp.head.idle' : 'exp.head.none';
  return rich(key, { n: running }, 'span', { class: 'em' });
}

/** One click promotes what was found to be better; anything else that everybody would feel asks again. */
function buttons(shown) {
  if (shown === null) return [];
  const { run, definition } = shown;
  const button = (act, words, { kind = '', arm = null, sure = false } = {}) => {
    const name = `${act}/${arm ?? ''}`;
    const armed = state.armed === name;
    return h('button', { key: name, type: 'button', class: `btn ${kind} ${armed ? 'danger armed' : ''}`.trim(), 'data-act': act, 'data-arm': arm, 'data-sure': sure ? name : null },
      armed ? t('exp.sure') : words);
  };
  const isDefined = state.found.defined.some((one) => one.id === definition.id);
  if (run === null) return [button('start', t('exp.do.start'), { kind: 'pri' })];
  if (run.state === 'promoted') return [button('revert', t('exp.do.revert'))];
  const arms = run.arms.slice(1);
  const better = arms.filter((arm) => verdictOf(run, arm) === 'better');
  const others = arms.filter((arm) => !better.includes(arm));
  return [
    better.map((arm) => button('promote', t('exp.do.promote', { arm }), { kind: 'pri', arm })),
    others.map((arm) => button('force', t('exp.do.force', { arm }), { arm, sure: true })),
    run.state === 'running' ? button('stop', t('exp.do.stop'), { sure: true }) : isDefined && button('start', t('exp.do.start')),
  ];
}

/* ---- what people do ---- */

const at = (name, act) => `/api/experiments/${encodeURIComponent(name)}/${act}`;
const ACTS = {
  start: ({ definition }) => post(at(definition.id, 'start'), {}),
  stop: ({ run }) => post(at(run.run, 'stop'), {}),
  promote: ({ run }, arm) => post(at(run.run, 'promote'), { arm }),
  force: ({ run }, arm) => post(at(run.run, 'promote'), { arm, force: true }),
  revert: ({ run }) => post(at(run.run, 'revert'), {}),
};

async function act(name, arm) {
  try {
    const answer = await ACTS[name](state.shown, arm);
    state.shown = answer;
    state.selected = answer.run.run;
    say(t(`exp.ans.${name === 'force' ? 'promote' : name}`, { run: answer.run.run, arm }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) askForKey();
    say(error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join('. ') : t('ans.unreachable'), true);
  }
  await poll();
}

function say(words, bad = false) {
  $('answer').textContent = words;
  $('answer').classList.toggle('is-bad', bad);
}

let disarming = 0;
$('acts').addEventListener('click', async ({ target }) => {
  const button = target.closest('button[data-act]');
  if (!button || button.disabled) return;
  const { act: name, arm, sure } = button.dataset;
  if (sure && state.armed !== sure) {
    state.armed = sure;
    clearTimeout(disarming);
    disarming = setTimeout(() => { state.armed = null; draw(); }, ARMED_MS);
    draw();
    return;
  }
  state.armed = null;
  button.disabled = true;
  await act(name, arm);
  button.disabled = false;
});

$('list').addEventListener('click', ({ target }) => {
  const button = target.closest('button[data-pick]');
  if (!button) return;
  state.selected = button.dataset.pick;
  state.shown = null;
  history.replaceState(null, '', `#${encodeURIComponent(state.selected)}`);
  poll();
});

/* ---- wiring ---- */

wireShell({ onLanguage: draw });
wireKeyForm({
  tryKey: async () => {
    await poll();
    return state.link === 'live';
  },
});
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width > 0) state.width = Math.max(260, Math.floor(contentRect.width) - 32);
  draw();
}).observe($('effects'));
setInterval(() => !document.hidden && poll(), POLL_MS);
draw();
poll();
