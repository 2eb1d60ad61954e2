// The page of tuned limits: what is in force, what is wanted and why, what was tried, and how to take it back.

import { $, h, patch } from './dom.js';
import { ApiError, get, post } from './api.js';
import { count, known, when } from './format.js';
import { addTexts, language, rich, t } from './i18n.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';
import { EN } from './text-tuning-en.js';
import { KO } from './text-tuning-ko.js';

const POLL_MS = 10_000;
const ARMED_MS = 5_000;
const CHIPS = { applied: 'info', canary: 'info', promoted: 'ok', rolled_back: 'bad', returned: 'off', reset: 'off' };

addTexts({ en: EN, ko: KO });
const state = { found: null, link: 'connecting', armed: null };

async function poll() {
  try {
    state.found = await get('/api/tuning');
    state.link = 'live';
  } catch (error) {
    state.link = error instanceof ApiError && error.status === 401 ? 'key' : 'lost';
    if (state.link === 'key') askForKey();
  }
  draw();
}

function draw() {
  const { found, link } = state;
  $('live').classList.toggle('stale', link !== 'live');
  $('live-text').textContent = t(link === 'live' ? 'tu.live' : `live.${link}`);
  $('page').hidden = found === null;
  document.title = `${t('tu.title')} · Foreroute`;
  if (found === null) {
    patch($('headline'), rich(`wait.${link}`, {}, 'span', { class: 'em' }));
    return;
  }
  patch($('headline'), headline(found));
  patch($('subline'), [h('p', {}, t('tu.sub')), found.held && h('p', { class: 'warned', lang: foreign() }, t('tu.held', { why: found.held }))]);
  patch($('limits'), limitsCard(found.parameters));
  patch($('changes'), changesCard(found.history));
}

function headline({ enabled, parameters }) {
  const tuned = parameters.filter((one) => one.tuned).length;
  const tried = parameters.filter((one) => one.trial).length;
  const key = !enabled ? 'tu.head.off' : tuned + tried === 0 ? 'tu.head.none' : 'tu.head';
  return rich(key, { tuned: count(tuned), all: count(parameters.length), tried: count(tried) }, 'span', { class: 'em' });
}

/* ---- what is in force ---- */

function limitsCard(rows) {
  const channels = [...new Set(rows.map((one) => one.channel))];
  return [
    h('header', {}, h('h2', {}, t('tu.limits')), h('span', { class: 'sub' }, t('tu.limits.sub'))),
    h('div', { class: 'body' },
      rows.length === 0
        ? h('p', { class: 'note' }, t('tu.none'))
        : h('ul', { class: 'limits' }, channels.map((name) => h('li', { key: name },
          h('h3', {}, name === '*' ? t('tu.everywhere') : name),
          rows.filter((one) => one.channel === name).map(limitRow))))),
  ];
}

function limitRow(row) {
  const { evidence, rails, trial, unit } = row;
  const told = Object.entries(evidence).map(([name, value]) => `${name.replaceAll('_', ' ')} ${short(value)}`).join(', ');
  return h('div', { class: 'limit', key: row.parameter, role: 'group', 'aria-label': `${row.channel} ${t(`tu.p.${row.parameter}`)}` },
    h('div', {}, t(`tu.p.${row.parameter}`), ' ', row.tuned && h('span', { class: 'chip ok' }, t('tu.tuned')), trial && h('span', { class: 'chip info' }, t('tu.trial'))),
    h('div', { class: 'now' }, worded(row.current, unit), row.tuned && h('small', {}, t('tu.configured', { value: worded(row.configured, unit) }))),
    h('div', { class: 'because' },
      row.proposal && h('p', {}, rich('tu.proposal', { value: worded(row.proposal, unit), wanted: worded(row.wanted ?? row.proposal, unit) })),
      h('p', { lang: foreign() }, row.reason),
      told && h('p', { class: 'detail', lang: foreign() }, `${t('tu.evidence')}: ${told}`),
      trial && h('p', { class: 'detail', lang: foreign() }, `${t('tu.trial')}: ${trial}`),
      rails.length > 0 && h('p', { class: 'detail', lang: foreign() }, `${t('tu.bounded')}: ${rails.join(' · ')}`),
      (row.approvable || row.undo) && h('p', { class: 'ways' },
        row.approvable && answer(row, 'approve'), row.undo && answer(row, 'reset'))));
}

function answer({ channel, parameter }, act) {
  const sure = `${act}/${channel}/${parameter}`;
  const armed = state.armed === sure;
  return h('button', { key: act, type: 'button', class: `btn small ${armed ? 'danger armed' : act === 'approve' ? 'pri' : ''}`.trim(), 'data-do': act, 'data-sure': sure, 'data-channel': channel, 'data-parameter': parameter },
    t(armed ? 'tu.sure' : `tu.do.${act}`));
}

/* ---- what was changed ---- */

function changesCard(rows) {
  const heads = ['when', 'what', 'event', 'change', 'why', 'canary', 'actor'];
  return [
    h('header', {}, h('h2', {}, t('tu.changes')), h('span', { class: 'sub' }, t('tu.changes.sub'))),
    h('div', { class: 'body', tabindex: 0, role: 'group', 'aria-label': t('tu.changes') },
      rows.length === 0
        ? h('p', { class: 'note' }, t('tu.changes.none'))
        : h('table', { class: 'tbl changes' }, h('caption', { class: 'sr' }, t('tu.changes')),
          h('thead', {}, h('tr', {}, heads.map((one) => h('th', { scope: 'col' }, t(`tu.c.${one}`))))),
          h('tbody', {}, rows.map(changeRow)))),
  ];
}

function changeRow(one) {
  const unit = state.found.parameters.find((row) => row.parameter === one.parameter)?.unit ?? '';
  return h('tr', { key: `${one.at}/${one.channel}/${one.parameter}/${one.event}` },
    h('td', {}, when(one.at, Date.now() / 1000)),
    h('td', {}, `${one.channel === '*' ? t('tu.everywhere') : one.channel}, ${t(`tu.p.${one.parameter}`)}`),
    h('td', {}, h('span', { class: `chip ${CHIPS[one.event] ?? 'off'}` }, t(`tu.e.${one.event}`))),
    h('td', { 'data-of': t('tu.c.change') }, `${worded(one.old, unit)} → ${worded(one.new, unit)}`),
    h('td', { 'data-of': t('tu.c.why'), lang: foreign() }, one.reason),
    h('td', { 'data-of': t('tu.c.canary'), lang: foreign() }, one.canary || '–'),
    h('td', { 'data-of': t('tu.c.actor') }, one.actor));
}

const short = (value) => String(Number(Number(value).toPrecision(3)));
const UNITS = { s: ' s', ratio: '' };

/** A setting, with its unit and what it grows by. */
function worded(setting, unit) {
  if (setting === null || !known(setting.value)) return t('tu.unlimited');
  const more = setting.per_1000_tokens ? ` (${t('tu.tokens', { base: short(setting.base), more: short(setting.per_1000_tokens) })})` : '';
  return `${short(setting.value)}${UNITS[unit] ?? ''}${more}`;
}

/** The tuner's sentences are English; whoever reads them aloud is told so. */
const foreign = () => (language() === 'ko' ? 'en' : null);

/* ---- what people do ---- */

let disarming = 0;
$('limits').addEventListener('click', async ({ target }) => {
  const button = target.closest('button[data-do]');
  if (!button || button.disabled) return;
  const { do: act, sure, channel, parameter } = button.dataset;
  clearTimeout(disarming);
  if (state.armed !== sure) {
    state.armed = sure;
    disarming = setTimeout(() => { state.armed = null; draw(); }, ARMED_MS);
    draw();
    return;
  }
  state.armed = null;
  button.disabled = true;
  try {
    await post(`/api/tuning/${encodeURIComponent(channel)}/${parameter}`, { do: act });
    say(t(`tu.did.${act}`));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) askForKey();
    say(error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join('. ') : t('ans.unreachable'), true);
  }
  button.disabled = false;
  await poll();
});

function say(words, bad = false) {
  $('answer').textContent = words;
  $('answer').classList.toggle('is-bad', bad);
}

wireShell({ onLanguage: draw });
wireKeyForm({
  tryKey: async () => {
    await poll();
    return state.link === 'live';
  },
});
setInterval(() => !document.hidden && poll(), POLL_MS);
draw();
poll();
