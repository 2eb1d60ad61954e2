// The page of channels: all of them with a search, and the one whose name is in the address in detail.

import { $, h, patch } from './dom.js';
import { ApiError, get } from './api.js';
import { drawCursor, geometry } from './bandchart.js';
import { channelTable, inOrder, stateOf } from './channels.js';
import { chartModel, detailCard } from './detail.js';
import { makeFeeds } from './feeds.js';
import { wireGestures } from './gestures.js';
import { rich, t } from './i18n.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';
import { follow, meaning } from './stream.js';

const RECORD_POLL_MS = 30_000;
const named = () => {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null; // an address that somebody has cut short
  }
};
const state = { status: null, sparks: null, detail: null, record: null, selected: named(), cursor: null, geo: null, words: '', width: 500, link: 'connecting' };

/* ---- what comes in ---- */

function take({ status, sparks }) {
  Object.assign(state, { status, sparks });
  state.selected ??= inOrder(status.channels)[0]?.id ?? null;
  schedule();
  if (document.hidden || !chosen()) return;
  poll('detail', 0);
  poll('record', RECORD_POLL_MS);
}

function onLink(link) {
  state.link = link;
  if (link === 'key') askForKey();
  schedule();
}

/** A snapshot of our own: the shared stream may be in the middle of a minute. */
async function snapshot() {
  try {
    const [status, sparks] = await Promise.all([get('/api/status'), get('/api/sparks')]);
    take({ status, sparks });
    return 'ok';
  } catch (error) {
    const outcome = error instanceof ApiError ? meaning(error) : 'lost';
    if (state.status === null || outcome === 'key') onLink(outcome);
    return outcome;
  }
}

const chosen = () => state.status?.channels.find((one) => one.id === state.selected);

/** Every word must be found somewhere in what a channel is called, where it is, and how it is. */
function matching() {
  const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
  const about = (one) => [one.id, one.provider, one.cloud, one.region, one.model, t(`state.${stateOf(one)}`), t(`group.${one.group}`)].join(' ').toLowerCase();
  return state.status.channels.filter((one) => words.every((word) => about(one).includes(word)));
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
  const { status, sparks, link, selected } = state;
  const broken = link === 'lost' || (link === 'starting' && status !== null);
  const stale = link !== 'live' || status?.loop.alive === false;
  $('live').classList.toggle('stale', stale);
  $('live-text').textContent = t(broken ? 'live.lost' : link !== 'live' ? `live.${link}` : 'chp.live');
  $('page').hidden = $('find').hidden = status === null || status.channels.length === 0;
  document.title = `${chosen() ? `${selected} · ` : ''}${t('nav.channels')} · Foreroute`;
  if (status === null) {
    patch($('headline'), rich(`wait.${link}`, {}, 'span', { class: 'em' }));
    return;
  }
  patch($('headline'), headline(status.channels));
  patch($('subline'), [
    h('p', {}, t('chp.sub')),
    selected !== null && !chosen() && h('p', { class: 'warned' }, t('chp.gone', { channel: selected })),
  ]);
  drawTable(status, sparks);
  drawDetail();
}

function headline(channels) {
  const healthy = channels.filter((one) => one.group === 'healthy').length;
  const key = channels.length === 0 ? 'none' : healthy === channels.length ? 'well' : 'care';
  return rich(`chp.head.${key}`, { n: channels.length, healthy, care: channels.length - healthy }, 'span', { class: 'em' });
}

function drawTable(status, sparks) {
  const found = matching();
  const said = state.words.trim() ? t('chp.found', { n: found.length, all: status.channels.length }) : '';
  if ($('found').textContent !== said) $('found').textContent = said;
  patch($('channels'), found.length > 0
    ? channelTable({ ...status, channels: found }, sparks, state.selected)
    : h('div', { class: 'body' }, h('p', { class: 'note' }, t('chp.nothing', { words: state.words.trim() }))));
}

function drawDetail() {
  const channel = chosen();
  $('detail').hidden = !channel;
  if (!channel) return;
  state.geo = geometry(chartModel(channel, state.sparks, state.detail), state.width);
  patch($('detail'), detailCard(channel, state.detail, state.geo, state.cursor, state.record));
  const layer = $('cursor-layer');
  if (layer) drawCursor(layer, state.geo, state.cursor);
}

/* ---- what people do ---- */

function open(id) {
  if (id === null || id === state.selected) return;
  Object.assign(state, { selected: id, cursor: null });
  draw();
  if (!chosen()) return;
  poll('detail', 0);
  poll('record', 0);
}

function select(id, focus = false) {
  if (id === null) return;
  if (id !== state.selected) history.pushState(null, '', `#${encodeURIComponent(id)}`);
  open(id);
  if (!focus) return;
  const row = [...$('channels').querySelectorAll('tr.row')].find((tr) => tr.dataset.channel === id);
  row?.querySelector('button').focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
}

function step(by) {
  if (state.status === null) return;
  const ids = inOrder(matching()).map((one) => one.id);
  select(ids[Math.max(0, Math.min(ids.length - 1, ids.indexOf(state.selected) + by))] ?? null, true);
}

function moveCursor(minute) {
  const { geo } = state;
  const kept = minute === null ? null : Math.max(1 - geo.past, Math.min(geo.ahead, minute));
  if (kept === state.cursor) return;
  state.cursor = kept;
  drawDetail();
}

/* ---- wiring ---- */

wireShell({ onLanguage: draw });
const poll = makeFeeds({ state, onChange: schedule, onKey: () => onLink('key') });
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
$('find').addEventListener('submit', (event) => event.preventDefault());
$('search').addEventListener('input', () => {
  state.words = $('search').value;
  schedule();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input, textarea, select')) return;
  event.preventDefault();
  $('search').focus();
});
addEventListener('popstate', () => open(named() ?? inOrder(state.status?.channels ?? [])[0]?.id ?? null));
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width > 0) state.width = Math.max(260, Math.floor(contentRect.width) - 32);
  schedule();
}).observe($('detail'));
document.addEventListener('visibilitychange', schedule);

draw();
const stream = follow({ tick: take, link: onLink });
snapshot();
