// The page of the simulator: a story in a made-up world, at any speed, with faults of one's own.

import { $, h, patch } from './dom.js';
import { ApiError, get, post } from './api.js';
import { icon, shareBar } from './charts.js';
import { clock, count, duration, errors, known, ms, msUnit, percent, usd } from './format.js';
import { addTexts, coded, language, rich, t } from './i18n.js';
import { inWords } from './phrases.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';
import { courseChart, shareSpark } from './sim-chart.js';
import { EN } from './text-simulator-en.js';
import { KO } from './text-simulator-ko.js';

const POLL_MS = 1_000;
const MARKS = { excellent: 'ok', good: 'ok', degraded: 'warn', poor: 'bad', offline: 'bad', unknown: 'idle' };
const FAULTS = ['stop', 'slow', 'errors', 'throttle', 'region_loss', 'cut', 'hollow', 'flap', 'quota', 'cold_start', 'price', 'surge'];
const BEFALLS = { region_loss: ['region'], surge: [] };
const ANYTHING = ['channel', 'provider', 'region'];
const FACTORS = new Set(['slow', 'price', 'surge']);

addTexts({ en: EN, ko: KO });
const state = { found: null, link: 'connecting', width: 700, fault: 'stop', chosen: null };

/* ---- what comes in ---- */

async function poll() {
  try {
    state.found = await get('/api/simulator');
    state.link = 'live';
  } catch (error) {
    state.link = error instanceof ApiError && error.status === 401 ? 'key' : 'lost';
    if (state.link === 'key') askForKey();
  }
  draw();
}

async function send(path, body) {
  try {
    await post(`/api/simulator/${path}`, body);
    say('');
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) askForKey();
    say(error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(' ') : t('ans.unreachable'));
  }
  await poll();
}

function say(words) {
  $('answer').textContent = words;
  $('answer').classList.toggle('is-bad', words !== '');
}

/* ---- what is drawn ---- */

function draw() {
  const { found, link } = state;
  $('live').classList.toggle('stale', link !== 'live');
  $('live-text').textContent = link === 'live' ? '' : t(`live.${link}`);
  $('page').hidden = found === null;
  if (found === null) {
    patch($('headline'), rich(`wait.${link}`, {}, 'span', { class: 'em' }));
    return;
  }
  const { run } = found;
  if (found.problem) say(found.problem);
  patch($('headline'), headline(found));
  patch($('subline'), run ? h('p', {}, subline(run)) : h('p', {}, t('sim.what')));
  document.title = `${t('sim')} · Foreroute`;
  patch($('pace'), run ? paceBar(run, found.speeds) : []);
  for (const name of ['kpis', 'course', 'inject', 'channels', 'decisions']) $(name).hidden = !run;
  patch($('story'), storyCard(found));
  if (!run) return;
  patch($('kpis'), figures(run));
  patch($('course'), courseCard(run));
  patch($('inject'), injectCard(run));
  patch($('channels'), channelsCard(run));
  patch($('decisions'), decisionsCard(run));
}

/** Two requests of ten thousand are not 0.0 %. */
const share = (ratio) => percent(ratio, ratio > 0 && ratio < 0.001 ? 3 : 1);

function headline({ run, running }) {
  if (!run) return rich(running ? 'sim.head.warming' : 'sim.head.none', {}, 'span', { class: 'em' });
  const { users } = run;
  const key = users.requests === 0 ? 'sim.head.begun' : users.failures === 0 ? (users.late === 0 ? 'sim.head.well' : 'sim.head.late') : 'sim.head.failed';
  return rich(key, { n: count(users.failures), share: share(users.failures / Math.max(1, users.requests)), late: errors(users.late / Math.max(1, users.requests)) }, 'span', { class: 'em' });
}

function subline(run) {
  const state = t(run.over ? 'sim.over' : run.paused ? 'sim.paused' : 'sim.runs');
  const into = duration(Math.round(run.end_at - run.start_at));
  return t('sim.sub', { name: run.scenario, at: clock(run.end_at), into, all: duration(run.ends_at - run.start_at), seed: run.seed, state });
}

function paceBar(run, speeds) {
  const option = (speed) => h('label', { key: `speed ${speed}` },
    h('input', { type: 'radio', name: 'speed', value: speed, checked: speed === run.speed, disabled: run.over }),
    h('span', {}, speed ? t('sim.speed', { n: count(speed) }) : t('sim.speed.max')));
  return [
    h('button', { type: 'button', class: 'btn pri', id: 'play', disabled: run.over, 'aria-pressed': String(!run.paused) }, t(run.paused ? 'sim.play' : 'sim.pause')),
    h('div', { class: 'seg', id: 'speed', role: 'radiogroup', 'aria-label': t('sim.speeds') }, speeds.map(option)),
    h('button', { type: 'button', class: 'btn', id: 'end' }, t('sim.end')),
  ];
}

function figures(run) {
  const { users } = run;
  const ratio = (n) => n / Math.max(1, users.requests);
  const kpi = (name, value, note) => h('div', { class: 'kpi' }, h('h2', {}, t(name)), h('div', { class: 'v num' }, value), h('p', { class: 'n' }, note));
  return [
    kpi('sim.k.requests', count(users.requests), t('sim.k.retried', { share: errors(ratio(users.retried)) })),
    kpi('sim.k.failed', count(users.failures), t('sim.k.failed.n', { share: share(ratio(users.failures)), n: count(users.refused) })),
    kpi('sim.k.p95', msUnit(users.first_chunk_s.p95), t('sim.k.p95.n', { p50: msUnit(users.first_chunk_s.p50), p99: msUnit(users.first_chunk_s.p99) })),
    kpi('sim.k.late', errors(ratio(users.late)), known(run.objective_s) ? t('sim.k.late.n', { limit: msUnit(run.objective_s) }) : t('sim.k.nolimit')),
    kpi('sim.k.cost', usd(users.cost_usd), t('sim.k.decided', { n: count(run.decided), incidents: count(run.incidents) })),
  ];
}

function courseCard(run) {
  return [
    h('header', {}, h('h2', {}, t('sim.course')), h('span', { class: 'sub' }, t('sim.course.sub'))),
    h('div', { class: 'body fig' }, courseChart(run, state.width),
      h('p', { class: 'note' }, run.timeline.length ? run.timeline.map((event) => told(event)).join(' · ') : t('sim.calm'))),
  ];
}

const told = (event) => t('sim.told', { at: clock(event.starts_at), what: t(`sim.fault.${event.fault}`), where: event.channel ?? event.region ?? event.provider ?? event.cloud ?? t('sim.everywhere') });

function storyCard({ scenarios, run }) {
  const chosen = state.chosen ?? run?.scenario ?? 'slow-ramp';
  const about = scenarios.find((one) => one.name === chosen);
  return [
    h('header', {}, h('h2', {}, t('sim.story'))),
    h('form', { class: 'body', id: 'start' },
      about && h('p', { class: 'tale', lang: 'en' }, about.description, '. ', duration(about.length_s)),
      h('div', { class: 'fields' },
        h('label', { for: 'scenario' }, t('sim.scenario')),
        h('select', { id: 'scenario' }, scenarios.map((one) => h('option', { value: one.name, selected: one.name === chosen }, one.name))),
        h('label', { for: 'seed' }, t('sim.seed')),
        h('input', { id: 'seed', type: 'number', min: 0, max: 1000000, value: 1 }),
        h('label', { for: 'mode' }, t('pilot')),
        h('select', { id: 'mode' },
          h('option', { value: 'act' }, t('sim.mode.act')),
          h('option', { value: 'reactive' }, t('sim.mode.reactive')),
          h('option', { value: 'observe' }, t('sim.mode.observe'))),
        h('div', { class: 'row' }, h('button', { type: 'submit', class: 'btn pri' }, t(run ? 'sim.restart' : 'sim.start'))))),
  ];
}

function injectCard(run) {
  const { fault } = state;
  const names = (kind) => [...new Set(run.channels.map((one) => (kind === 'channel' ? one.id : one[kind])))].sort();
  const places = (BEFALLS[fault] ?? ANYTHING).flatMap((kind) => names(kind).map((name) => [kind, name]));
  return [
    h('header', {}, h('h2', {}, t('sim.inject')), h('span', { class: 'sub' }, t('sim.inject.sub'))),
    h('form', { class: 'body', id: 'injection' },
      h('div', { class: 'fields' },
        h('label', { for: 'fault' }, t('sim.what.happens')),
        h('select', { id: 'fault' }, FAULTS.map((name) => h('option', { value: name, selected: name === fault }, t(`sim.fault.${name}`)))),
        places.length > 0 && [
          h('label', { for: 'where' }, t('sim.where')),
          h('select', { id: 'where', key: `where ${fault}` }, places.map(([kind, name]) => h('option', { value: `${kind}=${name}` }, kind === 'channel' ? name : `${t(`sim.${kind}`)} ${name}`))),
        ],
        fault !== 'price' && [
          h('label', { for: 'for' }, t('sim.for')),
          h('select', { id: 'for' }, [5, 10, 20, 30, 60].map((minutes) => h('option', { value: `${minutes}m`, selected: minutes === 20 }, duration(minutes * 60)))),
        ],
        FACTORS.has(fault) && [
          h('label', { for: 'factor' }, t('sim.factor')),
          h('select', { id: 'factor' }, ['1.5', '2', '3', '5', '10'].map((factor) => h('option', { value: factor, selected: factor === '2' }, `× ${factor}`))),
        ],
        h('div', { class: 'row' }, h('button', { type: 'submit', class: 'btn danger', disabled: run.over }, t('sim.inject.do'))))),
  ];
}

function channelsCard(run) {
  const top = Math.max(0.01, ...run.course.flatMap((row) => Object.values(row.shares ?? {})), ...run.channels.map((one) => one.share));
  const rows = [...run.channels].sort((a, b) => b.share - a.share);
  return [
    h('header', {}, h('h2', {}, t('chs'))),
    h('table', { class: 'tbl' },
      h('caption', { class: 'sr' }, t('chs')),
      h('thead', {}, h('tr', {},
        h('th', { scope: 'col' }, t('col.channel')),
        h('th', { scope: 'col', class: 'opt' }, t('sim.col.share')),
        h('th', { scope: 'col' }, t('col.now')),
        h('th', { scope: 'col', class: 'opt' }, t('col.errors')),
        h('th', { scope: 'col', class: 'opt' }, t('sim.col.flight')),
        h('th', { scope: 'col' }, t('col.share')))),
      h('tbody', {}, rows.map((one) => h('tr', { key: one.id, class: 'row' },
        h('td', {}, icon(MARKS[one.health] ?? 'idle', 'mini'), ' ', h('b', {}, one.id), h('span', { class: 'sr' }, t(`sim.health.${one.health ?? 'unknown'}`))),
        h('td', { class: 'opt' }, shareSpark(run.course, one.id, top)),
        h('td', { class: known(run.objective_s) && one.now_s > run.objective_s ? 'over' : null }, ms(one.now_s)),
        h('td', { class: 'opt' }, errors(one.failure_ratio)),
        h('td', { class: 'opt' }, count(one.in_flight)),
        h('td', {}, h('div', { class: 'w' }, shareBar(one.share, 0, top), h('b', {}, percent(one.share)))))))),
  ];
}

function decisionsCard(run) {
  const rows = [...run.decisions].reverse();
  return [
    h('header', {}, h('h2', {}, t('dec')), h('span', { class: 'sub' }, t('sim.dec.sub'))),
    h('div', { class: 'body', tabindex: 0, role: 'group', 'aria-label': t('dec') },
      rows.length === 0 && h('p', { class: 'note' }, t('sim.dec.none')),
      rows.length > 0 && h('ol', { class: 'log num' }, rows.map((one) => decisionRow(one)))),
  ];
}

function decisionRow(one) {
  const words = inWords(one.detail);
  return h('li', { key: `${one.at} ${one.route} ${one.channel}` }, h('time', { class: 't' }, clock(one.at)),
    h('div', {},
      h('p', {}, h('b', {}, one.channel), ' ', h('span', { class: 'mv' }, t('moved', { before: percent(one.before), after: percent(one.after) })), ' ',
        h('span', { class: 'code' }, coded('code', one.code))),
      h('p', { class: 'detail', lang: words === one.detail && language() === 'ko' ? 'en' : null }, words)));
}

/* ---- what people do ---- */

const MODES = { act: ['act', true], reactive: ['act', false], observe: ['observe', true] };

document.addEventListener('submit', (event) => {
  if (event.target.id === 'start') {
    event.preventDefault();
    const [autopilot, forecasts] = MODES[$('mode').value];
    state.chosen = null;
    send('start', { scenario: $('scenario').value, seed: Number($('seed').value), autopilot, forecasts });
  }
  if (event.target.id === 'injection') {
    event.preventDefault();
    const body = { fault: state.fault };
    const [kind, name] = ($('where')?.value ?? '').split('=');
    if (kind) body[kind] = name;
    if ($('for')) body.for = $('for').value;
    if ($('factor')) body.factor = Number($('factor').value);
    send('inject', body);
  }
});
document.addEventListener('change', ({ target }) => {
  if (target.id === 'fault') state.fault = target.value;
  else if (target.id === 'scenario') state.chosen = target.value;
  else if (target.name === 'speed') send('pace', { speed: Number(target.value) });
  draw();
});
document.addEventListener('click', ({ target }) => {
  if (target.id === 'play') send('pace', { paused: !state.found.run.paused });
  if (target.id === 'end') send('stop', {});
});

/* ---- wiring ---- */

wireShell({ onLanguage: draw });
wireKeyForm({ tryKey: async () => { await poll(); return state.link === 'live'; } });
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width > 0) state.width = Math.max(280, Math.floor(contentRect.width) - 32);
  draw();
}).observe($('course'));
setInterval(() => { if (!document.hidden) poll(); }, POLL_MS);
poll();
