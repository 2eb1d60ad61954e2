// The page of incidents: what happened, one story each, and what a person can do about it.

import { $, h, patch } from './dom.js';
import { ApiError, get, post } from './api.js';
import { duration } from './format.js';
import { addTexts, rich, t } from './i18n.js';
import { causeCard, doneCard, feltCard, notesList, storyCard, undoCard } from './inc-cards.js';
import { kpiStrip, listCard } from './inc-list.js';
import { isUnfolded, runsCard, toldOnce } from './inc-runs.js';
import { whatOf } from './inc-words.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';
import { EN } from './text-incidents-en.js';
import { KO } from './text-incidents-ko.js';

const POLL_MS = 5_000;
const ARMED_MS = 5_000;

addTexts({ en: EN, ko: KO });
const state = { found: null, shown: null, selected: decodeURIComponent(location.hash.slice(1)) || null, gone: false, width: 600, link: 'connecting', armed: null, chosen: new Map() };

/* ---- what comes in ---- */

async function poll() {
  try {
    const found = await get('/api/incidents');
    state.found = found;
    state.selected ??= found.incidents.find((one) => one.closed_at === null)?.id ?? found.incidents.find((one) => one.merged_into === null)?.id ?? null;
    state.link = 'live';
    await load(state.selected);
  } catch (error) {
    state.link = error instanceof ApiError && error.status === 401 ? 'key' : 'lost';
    if (state.link === 'key') askForKey();
  }
  draw();
}

async function load(asked) {
  if (asked === null) return;
  try {
    const shown = await get(`/api/incidents/${encodeURIComponent(asked)}`);
    if (asked === state.selected) Object.assign(state, { shown, gone: false });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    if (asked === state.selected) Object.assign(state, { shown: null, gone: true });
  }
}

/* ---- what is drawn ---- */

function draw() {
  const { found, shown, link } = state;
  $('live').classList.toggle('stale', link !== 'live');
  $('live-text').textContent = t(link === 'live' ? 'ic.live' : `live.${link}`);
  $('page').hidden = found === null;
  document.title = `${shown ? `${shown.incident.id} · ` : ''}${t('ic.title')} · Foreroute`;
  if (found === null) {
    patch($('headline'), rich(`wait.${link}`, {}, 'span', { class: 'em' }));
    return;
  }
  patch($('headline'), headline(found));
  patch($('subline'), [h('p', {}, t('ic.sub')), state.gone && h('p', { class: 'warned' }, t('ic.gone'))]);
  patch($('kpis'), kpiStrip(found.summary));
  patch($('list'), listCard(found, state.selected));
  $('one').hidden = shown === null;
  patch($('acts'), shown === null ? [] : buttons(shown.incident));
  if (shown === null) return;
  patch($('story'), storyCard(shown, state.width));
  patch($('cause'), causeCard(shown.incident));
  patch($('felt'), feltCard(shown.incident));
  patch($('runs'), runsCard(shown, state));
  patch($('done'), doneCard({ acts: toldOnce(shown.incident.acts, shown.runs) }));
  patch($('undo'), undoCard(shown, state.armed));
  patch($('notes-list'), notesList(shown));
}

function headline({ at, incidents, summary }) {
  const open = incidents.filter((one) => one.closed_at === null && one.origin === 'observed');
  if (open.length > 0) {
    const [first] = [...open].sort((a, b) => b.channels.length - a.channels.length || b.lost - a.lost || b.rescued - a.rescued);
    const key = first.phases.shifted_at === null ? 'ic.head.open' : 'ic.head.moved';
    const more = open.length > 1 && ` (${t('ic.head.more', { n: open.length - 1 })})`;
    return [rich(key, { what: whatOf(first), took: duration(at - first.opened_at) }, 'span', { class: 'em' }), more];
  }
  const [n, days] = [summary.closed, Math.round(summary.within_s / 86400)];
  const key = incidents.length === 0 ? 'ic.head.none' : n === 1 ? 'ic.head.calm.one' : 'ic.head.calm';
  return rich(key, { n, days }, 'span', { class: 'em' });
}

function buttons(incident) {
  const armed = state.armed === 'close';
  return [
    h('button', { key: 'link', type: 'button', class: 'btn', 'data-act': 'link' }, t('ic.do.link')),
    incident.closed_at === null && h('button', { key: 'close', type: 'button', class: `btn ${armed ? 'danger armed' : ''}`.trim(), 'data-act': 'close', 'data-sure': 'close' },
      t(armed ? 'ic.sure' : 'ic.do.close')),
  ];
}

/* ---- what people do ---- */

const about = (what) => `/api/incidents/${encodeURIComponent(state.selected)}/${what}`;

async function act(name, dataset) {
  try {
    if (name === 'link') {
      await navigator.clipboard.writeText(`${location.origin}/incidents.html#${encodeURIComponent(state.selected)}`);
      say(t('ic.copied'));
      return;
    }
    if (name === 'close') state.shown = await post(about('close'), {});
    if (name === 'undo') await post(dataset.path, JSON.parse(dataset.body));
    if (name === 'run') await post(`/api/playbook-runs/${encodeURIComponent(dataset.run)}`, { answer: dataset.answer, reason: `incident ${state.selected}` });
    say(t(name === 'close' ? 'ic.closed' : name === 'run' ? `ic.run.did.${dataset.answer}` : 'ic.undone'));
  } catch (error) {
    complain(error);
  }
  await poll();
}

function complain(error) {
  if (error instanceof ApiError && error.status === 401) askForKey();
  say(error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join('. ') : t('ans.unreachable'), true);
}

function say(words, bad = false) {
  $('answer').textContent = words;
  $('answer').classList.toggle('is-bad', bad);
}

let disarming = 0;
async function clicked({ target }) {
  const button = target.closest('button[data-act]');
  if (!button || button.disabled) return;
  const { act: name, sure } = button.dataset;
  if (sure && state.armed !== sure) {
    state.armed = sure;
    clearTimeout(disarming);
    disarming = setTimeout(() => { state.armed = null; draw(); }, ARMED_MS);
    draw();
    return;
  }
  state.armed = null;
  button.disabled = true;
  await act(name, button.dataset);
  button.disabled = false;
}
for (const place of ['acts', 'undo', 'runs']) $(place).addEventListener('click', clicked);

$('runs').addEventListener('click', ({ target }) => {
  const name = target.closest('button[data-fold]')?.dataset.fold;
  const { runs } = state.shown ?? { runs: [] };
  const run = runs.find((one) => one.id === name);
  if (!run) return;
  state.chosen.set(name, !isUnfolded(run, runs, state.chosen));
  draw();
});

function choose(name) {
  Object.assign(state, { selected: name, shown: null, gone: false, armed: null });
  say('');
  draw();
  poll();
}

$('list').addEventListener('click', ({ target }) => {
  const button = target.closest('button[data-pick]');
  if (!button) return;
  history.pushState(null, '', `#${encodeURIComponent(button.dataset.pick)}`);
  choose(button.dataset.pick);
});
for (const event of ['hashchange', 'popstate']) {
  addEventListener(event, () => {
    const name = decodeURIComponent(location.hash.slice(1)) || null;
    if (name !== state.selected) choose(name);
  });
}

$('noteform').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    state.shown = await post(about('notes'), { text: $('note').value.trim() });
    $('note').value = '';
    say(t('ic.noted'));
    draw();
  } catch (error) {
    complain(error);
  }
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
}).observe($('one'));
setInterval(() => !document.hidden && poll(), POLL_MS);
draw();
poll();
