// The cost page: the same report, forecast, frontier and optimum that the command line shows.

import './cost-text.js';
import './cost-savings-text.js';
import { $, h, patch } from './dom.js';
import { ApiError, download, get } from './api.js';
import { icon, spanBar } from './charts.js';
import { burnChart, frontierChart } from './cost-charts.js';
import { NONE, clock, count, day, known, msUnit, percent, usd } from './format.js';
import { rich, t } from './i18n.js';
import { loadSavings, savingsCard } from './cost-savings.js';
import { askForKey, wireKeyForm, wireShell } from './shell.js';

const POLL_MS = 15_000;
const LINES_MAX = 12;
const BY = ['channel', 'model', 'provider', 'cloud', 'region', 'route', 'key', 'team', 'tag', 'kind', 'day'];

const state = {
  period: 'month', by: 'channel', route: null, picked: null, report: null, forecast: null, frontier: null, optimum: null,
  refusal: null, budgets: null, record: null, savings: { row: null, refusal: null }, width: { burn: 520, frontier: 520 }, lost: false,
};

/* ---- what comes in ---- */

async function load() {
  const period = state.period;
  try {
    const [report, forecast, frontier, budgets, record] = await Promise.all([
      get(`/api/cost/report?period=${period}`), get('/api/cost/forecast'), get('/api/cost/frontier'), get('/api/cost/budgets'),
      get('/api/cost/forecast/record'),
    ]);
    if (period !== state.period) return 'ok';
    Object.assign(state, { report, forecast, frontier, budgets, record, lost: false });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      askForKey();
      return 'key';
    }
    state.lost = true;
  }
  await loadOptimum();
  state.savings = await loadSavings();
  draw();
  return 'ok';
}

/** Without the solver everything else is shown all the same, with what would install it. */
async function loadOptimum() {
  try {
    state.optimum = await get('/api/cost/optimum');
    state.refusal = null;
  } catch (error) {
    state.optimum = null;
    state.refusal = error instanceof ApiError ? error.message : null;
  }
}

/* ---- what is drawn ---- */

function draw() {
  const { report, forecast } = state;
  $('page').hidden = report === null;
  if (report === null) {
    patch($('headline'), t(state.lost ? 'cost.lost' : 'loading'));
    return;
  }
  const row = forecast.periods[state.period];
  drawHead(report, row);
  $('clock').textContent = t('clock', { day: day(report.at), time: clock(report.at) });
  patch($('burn'), burnCard(report, row));
  patch($('budgets'), budgetsCard(state.budgets.budgets));
  patch($('record'), recordCard(state.record));
  patch($('spend'), spendCard(report));
  patch($('frontier'), frontierCard(state.frontier.routes));
  patch($('optimum'), optimumCard(state.optimum));
  patch($('savings'), savingsCard(state.savings));
  for (const select of document.querySelectorAll('select')) select.value = state[select.dataset.of];
}

function drawHead(report, row) {
  const { total } = row;
  patch($('headline'), rich(`cost.title.${state.period}`, { spent: usd(total.spent_usd), expected: usd(total.expected_usd) }, 'span', { class: 'em' }));
  patch($('subline'), [
    h('p', {}, t('cost.sub', {
      lower: usd(total.lower_usd), upper: usd(total.upper_usd), before: t(`cost.before.${state.period}`),
      was: usd(report.before.usd), zone: report.time_zone,
    }), ' ', total.replays ? t('cost.sure', { error: percent(total.error_ratio), n: total.replays }) : t('cost.unsure')),
    report.total.unpriced_attempts > 0 && h('p', { class: 'warned' }, icon('warn', 'mini'), ' ', t('cost.unpriced', { n: count(report.total.unpriced_attempts) })),
    state.lost && h('p', { class: 'warned' }, t('cost.lost')),
  ]);
}

function burnCard(report, row) {
  return [
    h('header', {}, h('h2', {}, t('cost.burn'))),
    h('div', { class: 'body' },
      h('figure', { class: 'fig' }, burnChart(report, row, state.width.burn, limits())),
      h('p', { class: 'note' }, t('cost.parts')),
      h('div', { class: 'bars num' }, row.by.channel.slice(0, 6).map((one) => [
        h('span', { class: 'b-name', title: one.name }, one.name),
        spanBar(0, Number(one.expected_usd), Math.max(1e-9, ...row.by.channel.map((other) => Number(other.expected_usd))), 'fcf'),
        h('b', {}, money(one.expected_usd, one.unpriced_attempts)),
        h('span', { class: 'muted' }, `${usd(one.lower_usd)} – ${usd(one.upper_usd)}`),
      ]))),
  ];
}

/** The budgets of everybody for the period that is shown. */
const limits = () => state.budgets.budgets.filter((one) => one.scope === 'all' && one.window === state.period)
  .map((one) => ({ name: one.name, usd: Number(one.limit_usd) }));

function budgetsCard(budgets) {
  return [
    h('header', {}, h('h2', {}, t('cost.budgets'))),
    h('div', { class: 'body wide-scroll' },
      budgets.length === 0 && h('p', { class: 'note' }, t('cost.budgets.none')),
      budgets.length > 0 && h('table', { class: 'cost' },
        h('thead', {}, h('tr', {}, ['budget', 'window', 'spent', 'pace', 'limit', 'state', 'crossed'].map((head) => h('th', { class: { crossed: 'l', state: 'l', window: 'opt', pace: 'opt' }[head] }, t(`cost.${head}`))))),
        h('tbody', {}, budgets.map((one) => h('tr', {},
          h('td', { class: 'name', title: `${one.scope} · ${t(`cost.origin.${one.origin}`)}` }, one.name, ' ', h('span', { class: 'muted' }, one.scope === 'all' ? '' : one.scope)),
          h('td', { class: 'opt' }, t(`cost.per.${one.window}`)),
          h('td', {}, usd(one.spent_usd), known(one.expected_usd) && [' ', h('span', { class: Number(one.expected_usd) > Number(one.limit_usd) ? 'worse' : 'em' }, `→ ${usd(one.expected_usd)}`)]),
          h('td', { class: 'opt' }, known(one.pace_usd) ? usd(one.pace_usd) : NONE),
          h('td', {}, usd(one.limit_usd), known(one.hard_limit_usd) && one.hard_limit_usd !== one.limit_usd && [' ', h('span', { class: 'muted' }, t('cost.hard', { limit: usd(one.hard_limit_usd) }))]),
          h('td', { class: 'l' }, budgetState(one)),
          h('td', { class: 'l' }, crossed(one))))))),
  ];
}

/** Whether its pace moves shares, and what happens at its hard limit. */
function budgetState(one) {
  const price = one.shadow_price ? ` ${t('cost.price', { price: one.shadow_price.toFixed(2) })}` : '';
  const bad = one.state === 'at_limit' || one.state === 'spent';
  const held = one.state === 'at_limit' && one.at_limit ? t(`cost.held.${one.at_limit}`) : t(`cost.state.${one.state}`);
  return h('span', { class: bad ? 'worse' : one.state === 'pacing' ? 'em' : '' }, held, price);
}

/** How well the ends of such periods were foreseen: of those that are over, and of the one that is three quarters over. */
function recordCard(record) {
  const mine = (rows, live) => rows.filter((one) => one.period === state.period).map((one) => ({ ...one, live }));
  const rows = [...mine(record.ended, false), ...mine(record.live, true)];
  return [
    h('header', {}, h('h2', {}, t('cost.record'))),
    h('div', { class: 'body wide-scroll' },
      rows.length === 0 && h('p', { class: 'note' }, t('cost.record.none')),
      rows.length > 0 && h('table', { class: 'cost' },
        h('thead', {}, h('tr', {}, ['of', 'over', 'graded', 'error', 'inside'].map((head) => h('th', { class: head === 'of' ? 'l' : '' }, t(`cost.record.${head}`))))),
        h('tbody', {}, rows.map((one) => h('tr', {},
          h('td', { class: 'name' }, t(`cost.record.${one.division}`), one.live && [' ', h('span', { class: 'muted' }, t('cost.record.live'))]),
          h('td', {}, percent(one.elapsed)),
          h('td', {}, count(one.graded)),
          h('td', {}, known(one.error_ratio) ? percent(one.error_ratio) : NONE),
          h('td', {}, percent(one.coverage_ratio))))))),
  ];
}

/** When it is crossed, with the interval that holds 80 %. */
function crossed(one) {
  if (Number(one.spent_usd) >= Number(one.limit_usd)) return t('cost.crossed.gone');
  if (one.crossing_at === null && one.crossing_earliest_at === null) return t('cost.crossed.no');
  const show = ['hour', 'day'].includes(one.window) ? clock : day;
  if (one.crossing_at === null) return t('cost.crossed.maybe', { from: show(one.crossing_earliest_at) });
  const moment = (at) => (at === null ? t('cost.crossed.later') : show(at));
  return t('cost.crossed.at', { at: moment(one.crossing_at), from: moment(one.crossing_earliest_at), to: moment(one.crossing_latest_at) });
}

/** A sum of nothing but unpriced attempts is not zero. */
const money = (amount, unpriced) => (Number(amount) === 0 && unpriced > 0 ? h('span', { class: 'muted' }, t('unpriced')) : usd(amount));

function spendCard(report) {
  const lines = report.by[state.by];
  const shown = state.by === 'day' ? lines : lines.slice(0, LINES_MAX);
  const rest = lines.slice(shown.length);
  const max = Math.max(1e-9, ...lines.map((one) => Number(one.usd)));
  return [
    h('header', {}, h('h2', {}, t('cost.by')),
      h('select', { 'data-of': 'by', 'aria-label': t('cost.by.label') }, BY.map((by) => h('option', { value: by }, t(`cost.by.${by}`)))),
      h('span', { class: 'files' }, [['report.csv', 'CSV'], ['report-focus.csv', 'FOCUS']].map(([file, name]) =>
        h('button', { class: 'ghost', type: 'button', 'data-file': file, title: t('cost.file', { name }) }, name)))),
    h('div', { class: 'body wide-scroll' },
      lines.length === 0 && h('p', { class: 'note' }, t('cost.none')),
      lines.length > 0 && h('table', { class: 'cost' },
        h('thead', {}, h('tr', {}, h('th', {}, t(`cost.by.${state.by}`)), h('th', { class: 'bar' }), h('th', {}, t('cost.usd')), h('th', {}, t('cost.share')),
          h('th', {}, t('cost.attempts')), h('th', { class: 'opt' }, t('cost.nopriced')), h('th', { class: 'opt' }, t('cost.input')),
          h('th', { class: 'opt' }, t('cost.cached')), h('th', { class: 'opt' }, t('cost.output')))),
        h('tbody', {},
          shown.map((one) => spendRow(one.name, one, spanBar(0, Number(one.usd), max, 'inkf'))),
          rest.length > 0 && spendRow(t('cost.more', { n: rest.length }), summed(rest), null),
          spendRow(t('cost.total'), { ...report.total, share: Number(report.total.usd) > 0 ? 1 : 0 }, null, 'sum')))),
  ];
}

function spendRow(name, one, bar, kind = null) {
  return h('tr', { class: kind },
    h('td', { class: 'name', title: name }, name), h('td', { class: 'bar' }, bar),
    h('td', { title: `$${one.usd}` }, money(one.usd, one.unpriced_attempts)), h('td', {}, percent(one.share, 1)), h('td', {}, count(one.attempts)),
    h('td', { class: one.unpriced_attempts > 0 ? 'opt worse' : 'opt' }, count(one.unpriced_attempts)),
    h('td', { class: 'opt' }, count(one.input_tokens + one.cache_write_tokens)), h('td', { class: 'opt' }, count(one.cached_input_tokens)),
    h('td', { class: 'opt' }, count(one.output_tokens)));
}

function summed(lines) {
  const sum = (name) => lines.reduce((total, one) => total + Number(one[name]), 0);
  return Object.fromEntries(Object.keys(lines[0]).filter((name) => name !== 'name').map((name) => [name, sum(name)]));
}

function frontierCard(routes) {
  const some = routes.filter((one) => one.channels.some((channel) => channel.missing.length === 0));
  const route = some.find((one) => one.route === state.route) ?? some[0];
  state.route = route?.route ?? null;
  return [
    h('header', {}, h('h2', {}, t('cost.frontier')),
      some.length > 1 && h('select', { 'data-of': 'route', 'aria-label': t('cost.by.route') }, some.map((one) => h('option', { value: one.route }, one.route)))),
    h('div', { class: 'body' },
      !route && h('p', { class: 'note' }, t('cost.frontier.none')),
      route && h('div', { class: 'split' }, h('figure', { class: 'fig' }, frontierChart(route, state.width.frontier, state.picked)),
        h('div', { class: 'wide-scroll' }, h('table', { class: 'cost' },
        h('thead', {}, h('tr', {}, h('th', {}, t('cost.channel')), h('th', {}, '$/1k'), h('th', {}, 'p95'), h('th', { class: 'opt' }, t('cost.success')),
          h('th', { class: 'opt' }, t('cost.quality')), h('th', { class: 'l' }, t('cost.beaten')))),
        h('tbody', {}, route.channels.map((one) => h('tr', { class: one.channel === state.picked ? 'pick picked' : 'pick', 'data-channel': one.channel },
          h('td', { class: 'name', title: one.channel }, one.channel),
          h('td', {}, known(one.usd_per_request) ? usd(one.usd_per_request * 1000) : t('unpriced')),
          h('td', {}, msUnit(one.p95_s)), h('td', { class: 'opt' }, percent(one.success_ratio, 1)), h('td', { class: 'opt' }, String(one.quality)),
          h('td', { class: 'l' }, place(one)))))))),
      route && h('p', { class: 'note' }, t('cost.frontier.note'))),
  ];
}

function place(one) {
  if (one.missing.length) return t('cost.missing', { list: one.missing.map((what) => t(`cost.missing.${what}`)).join(', ') });
  return one.on_frontier ? t('cost.on') : one.dominated_by.join(', ');
}

function optimumCard(optimum) {
  return [
    h('header', {}, h('h2', {}, t('cost.optimum')), h('span', { class: 'sub' }, t('cost.optimum.sub'))),
    h('div', { class: 'body' }, !optimum ? h('p', { class: 'note' }, state.refusal ?? t('cost.optimum.none')) : shares(optimum)),
  ];
}

function shares(optimum) {
  if (!optimum.feasible) {
    return [h('p', { class: 'warned' }, icon('warn', 'mini'), ' ', t('cost.optimum.gives')),
      h('ul', { class: 'gives' }, optimum.concessions.map((one) => h('li', {}, give(one))))];
  }
  if (optimum.routes.length === 0) return h('p', { class: 'note' }, t('cost.optimum.none'));
  const less = optimum.saved_ratio >= 0;
  return [
    h('p', { class: 'big' }, rich('cost.optimum.big', { usd: usd(optimum.usd_per_hour) }, 'span', { class: 'fc' })),
    known(optimum.saved_ratio) && h('p', {}, t(less ? 'cost.optimum.saves' : 'cost.optimum.costs', {
      baseline: usd(optimum.baseline_usd_per_hour), saved: percent(Math.abs(optimum.saved_ratio), 1),
    })),
    h('div', { class: 'wide-scroll' }, h('table', { class: 'cost' },
      h('thead', {}, h('tr', {}, h('th', {}, t('cost.by.route')), h('th', { class: 'l' }, t('cost.channel')), h('th', {}, t('cost.configured')), h('th', {}, t('cost.best')))),
      h('tbody', {}, optimum.routes.map((route) => Object.entries(route.baseline).map(([channel, weight], i) => h('tr', {},
        h('td', { class: 'name' }, i === 0 ? route.route : ''), h('td', { class: 'l' }, channel),
        h('td', {}, percent(weight)), h('td', { class: 'exp' }, percent(route.shares[channel] ?? 0, 1)))))))),
    optimum.shadow_prices.length > 0 && h('p', { class: 'note' }, t('cost.optimum.held'), ': ',
      optimum.shadow_prices.map((one) => t(`cost.promise.${one.promise}`, { of: one.of })).join(', '), '.'),
  ];
}

function give(one) {
  const show = { latency: (v) => percent(v, 1), availability: (v) => percent(v, 2), budget: usd, quality: String }[one.promise] ?? count;
  return t(`cost.give.${one.promise}`, { of: one.of, needed: show(one.needed), bound: known(one.bound) ? show(one.bound) : NONE });
}

/* ---- wiring ---- */

wireShell({ onLanguage: draw });
wireKeyForm({ tryKey: async () => (await load()) !== 'key' });
$('period').addEventListener('change', ({ target }) => {
  state.period = target.value;
  load();
});
document.addEventListener('change', ({ target }) => {
  if (target.dataset?.of) {
    state[target.dataset.of] = target.value;
    draw();
  }
});
document.addEventListener('click', ({ target }) => {
  const { file } = target.closest('[data-file]')?.dataset ?? {};
  if (file) download(`/api/cost/${file}?period=${state.period}`);
  const { channel } = target.closest('#frontier [data-channel]')?.dataset ?? {};
  if (channel) {
    state.picked = channel === state.picked ? null : channel;
    draw();
  }
});
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    if (contentRect.width === 0) continue;
    const inside = Math.floor(contentRect.width) - 32;
    const half = target.id === 'frontier' && !matchMedia('(max-width: 1180px)').matches;
    state.width[target.id] = Math.max(260, half ? Math.floor((inside - 24) / 2) : inside);
  }
  draw();
});
for (const id of ['burn', 'frontier']) sizes.observe($(id));
setInterval(() => document.hidden || load(), POLL_MS);
draw();
load();
