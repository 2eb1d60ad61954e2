// The state of the page and its wiring: messages come in, the state changes, one redraw follows.

import { $, patch } from './dom.js';
import { wireAlerts } from './alert-acts.js';
import { alertsCard } from './alerts.js';
import { ApiError, get } from './api.js';
import { drawCursor, geometry } from './bandchart.js';
import { channelTable, inOrder } from './channels.js';
import { wireControls } from './controls.js';
import { chartModel, detailCard } from './detail.js';
import { makeFeeds } from './feeds.js';
import { clock, day, duration } from './format.js';
import { wireGestures } from './gestures.js';
import { headline } from './headline.js';
import { rich, t } from './i18n.js';
import { decisionsCard, incidentsCard } from './journal.js';
import { kpiStrip } from './kpis.js';
import { budgetCard, spendCard } from './money.js';
import { stageNotice } from './notices.js';
import { isWorthShowing, rolloutCard } from './rollout.js';
import { wireRollout } from './rollout-acts.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';
import { follow, meaning } from './stream.js';

const QUICK_POLL_MS = 5_000;
const RECORD_POLL_MS = 30_000;
const STALE_TICKS = 3;
const STALE_MIN_MS = 4_000;
const DEMO_START_MS = 20_000;
const SILENCE_POLL_S = 5;

const state = {
  status: null, sparks: null, decisions: null, spend: null, detail: null, alerts: null, record: null,
  rolloutAsked: false, forcing: null,
  selected: null, chosen: false, cursor: null, geo: null,
  link: 'connecting', heardAt: performance.now(), intervals: [], width: { detail: 500, budget: 400 },
};

/* ---- what comes in ---- */

function onTick({ status, sparks }) {
  const now = performance.now();
  if (state.status && status.ticks > state.status.ticks) {
    state.intervals = [...state.intervals, now - state.heardAt].slice(-5);
  }
  state.heardAt = now;
  take(status, sparks);
}

function take(status, sparks) {
  const planMoved = state.status?.plan.version !== status.plan.version;
  state.status = status;
  if (sparks) state.sparks = sparks;
  state.selected = selection(status);
  controls.show(status);
  schedule();
  if (document.hidden) return;
  poll('detail', 0);
  poll('decisions', planMoved ? 0 : QUICK_POLL_MS);
  poll('spend', QUICK_POLL_MS);
  poll('alerts', 0);
  poll('record', RECORD_POLL_MS);
}

/** What a person chose stays; until then the channel that the headline is about. */
function selection(status) {
  const exists = (id) => status.channels.some((c) => c.id === id);
  const { about } = headline(status);
  if (exists(about) && !state.chosen && state.cursor === null) return about;
  return exists(state.selected) ? state.selected : (inOrder(status.channels)[0]?.id ?? null);
}

function onLink(link) {
  state.link = link;
  if (link === 'key') askForKey();
  schedule();
}

/** A snapshot of our own: at the start, since the shared stream may be in the middle of a minute, and when it is silent. */
async function snapshot() {
  try {
    const [status, sparks] = await Promise.all([get('/api/status'), get('/api/sparks')]);
    take(status, sparks);
    return 'ok';
  } catch (error) {
    const outcome = error instanceof ApiError ? meaning(error) : 'lost';
    if (state.status === null && outcome !== 'key') onLink(outcome);
    return outcome;
  }
}

/* ---- what is drawn ---- */

let asked = 0;
function schedule() {
  if (asked || document.hidden) return;
  asked = requestAnimationFrame(() => {
    asked = 0;
    draw();
  });
}

function draw() {
  const { status, sparks } = state;
  drawTop();
  $('page').hidden = $('steer').hidden = $('footer').hidden = status === null;
  if (status === null) {
    patch($('headline'), rich(`wait.${state.link}`, {}, 'span', { class: 'em' }));
    patch($('subline'), []);
    return;
  }
  const { title, sub } = headline(status);
  patch($('headline'), title);
  patch($('subline'), [sub, stageNotice(status)]);
  document.title = `${$('headline').textContent} · Foreroute`;
  drawRollout();
  patch($('kpis'), kpiStrip(status));
  patch($('channels'), channelTable(status, sparks, state.selected));
  drawDetail();
  patch($('decisions'), decisionsCard(state.decisions, status));
  patch($('budget'), budgetCard(status, state.spend, state.width.budget));
  patch($('spend'), spendCard(state.spend, status.budgets));
  patch($('incidents'), incidentsCard(status));
  patch($('alerts'), alertsCard(state.alerts, status.at));
  $('foot').textContent = t('foot', { version: status.version, store: t(`store.${status.store}`) });
}

function drawRollout() {
  const { status } = state;
  const shown = isWorthShowing(status, state.rolloutAsked);
  $('rollout').hidden = !shown;
  $('rollout-show').setAttribute('aria-expanded', String(shown));
  patch($('rollout'), shown ? rolloutCard(status, state.forcing) : []);
}

function drawDetail() {
  const channel = state.status.channels.find((c) => c.id === state.selected);
  $('detail').hidden = !channel;
  if (!channel) return;
  state.geo = geometry(chartModel(channel, state.sparks, state.detail), state.width.detail);
  patch($('detail'), detailCard(channel, state.detail, state.geo, state.cursor, state.record));
  drawCursorLayer();
}

function drawCursorLayer() {
  const layer = $('cursor-layer');
  if (layer && state.geo) drawCursor(layer, state.geo, state.cursor);
}

/** How long silence is usual: three ticks of the pace seen so far. A demo's first ticks are slow: models are fitted. */
function staleAfterMs() {
  const sorted = [...state.intervals].sort((a, b) => a - b);
  if (sorted.length) return Math.max(STALE_MIN_MS, STALE_TICKS * sorted[sorted.length >> 1]);
  return state.status?.demo ? DEMO_START_MS : STALE_TICKS * 1_000 * (state.status?.tick_s ?? 60);
}

const isStale = () =>
  state.link !== 'live' || performance.now() - state.heardAt > staleAfterMs() || state.status?.loop.alive === false;

function drawTop() {
  const { status, link } = state;
  const ago = duration(Math.round((performance.now() - state.heardAt) / 1000));
  const broken = link === 'lost' || (link === 'starting' && status !== null);
  const key = broken ? 'live.lost' : link !== 'live' ? `live.${link}` : isStale() ? 'live.stale' : 'live';
  $('live').classList.toggle('stale', isStale());
  $('live-text').textContent = t(key, { ago });
  $('demo').hidden = !status?.demo;
  $('clock').textContent = status ? t('clock', { day: day(status.at), time: clock(status.at) }) : '';
}

/* ---- what people do ---- */

function select(id, focus = false) {
  if (id === null) return;
  state.chosen = true;
  if (id === state.selected) return;
  state.selected = id;
  state.cursor = null;
  draw();
  poll('detail', 0);
  poll('record', 0);
  if (!focus) return;
  const row = [...$('channels').querySelectorAll('tr.row')].find((tr) => tr.dataset.channel === id);
  row?.querySelector('button').focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
}

function step(by) {
  const ids = inOrder(state.status?.channels ?? []).map((c) => c.id);
  const next = ids[Math.max(0, Math.min(ids.length - 1, ids.indexOf(state.selected) + by))];
  select(next ?? null, true);
}

function moveCursor(minute) {
  const { geo } = state;
  if (minute !== null) minute = Math.max(1 - geo.past, Math.min(geo.ahead, minute));
  if (minute === state.cursor) return;
  state.cursor = minute;
  drawDetail();
}

/* ---- wiring ---- */

wireShell({ onLanguage: () => { controls.show(); draw(); } });
const controls = wireControls({ onDone: snapshot, onKey: () => onLink('key') });
const poll = makeFeeds({ state, onChange: schedule, onKey: () => onLink('key') });
wireAlerts({ send: controls.send, find: (id) => state.alerts?.alerts.find((one) => one.id === id) });
wireRollout({
  send: controls.send, state, draw,
  find: (id) => state.status?.rollout.capabilities.find((one) => one.capability === id),
});
wireGestures({ state, select, step, moveCursor });
wireKeyForm({
  tryKey: async () => {
    if ((await snapshot()) === 'key') return false;
    state.link = 'connecting';
    stream.resume();
    schedule();
    return true;
  },
});

const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    if (contentRect.width > 0) state.width[target.id] = Math.max(260, Math.floor(contentRect.width) - 32);
  }
  schedule();
});
for (const id of ['detail', 'budget']) sizes.observe($(id));
document.addEventListener('visibilitychange', schedule);

let silentFor = 0;
setInterval(() => {
  if (document.hidden) return;
  drawTop();
  silentFor = isStale() && state.link !== 'key' ? silentFor + 1 : 0;
  if (silentFor % SILENCE_POLL_S === SILENCE_POLL_S - 1) snapshot();
}, 1000);

draw();
const stream = follow({ tick: onTick, link: onLink });
snapshot().then((outcome) => outcome === 'key' && onLink('key'));
