// Spend: the burn of the tightest budget to the end of its period, and where the money went.

import { h } from './dom.js';
import { band, icon, line, spanBar, ticks } from './charts.js';
import { NONE, clock, count, day, known, percent, usd } from './format.js';
import { rich, t } from './i18n.js';

const LEFT = 52;
const RIGHT = 10;
const TOP = 14;
const BOTTOM = 22;
const HEIGHT = 206;
const DAY_S = 86_400;

/** The budget of everybody that comes closest to its limit: the days' spend is everybody's. */
export function tightest(budgets) {
  const use = (b) => (Number(b.limit_usd) > 0 ? Number(b.projected_usd) / Number(b.limit_usd) : 0);
  const drawn = budgets.filter((b) => b.whose === 'all' && b.window !== 'total');
  return drawn.reduce((a, b) => (a && use(a) >= use(b) ? a : b), null);
}

export function budgetCard(status, spend, width) {
  const budget = tightest(status.budgets);
  if (!budget) {
    return [
      h('header', {}, h('h2', {}, t('bud'))),
      h('div', { class: 'body' }, h('p', { class: 'note' }, t('bud.none')),
        h('pre', { class: 'sample' }, 'budgets:\n  - name: monthly\n    limit_usd: 9000')),
    ];
  }
  const others = status.budgets.filter((b) => b !== budget);
  return [
    h('header', {}, h('h2', {}, t('bud')),
      h('span', { class: 'sub' }, `${budget.name}, ${day(budget.period_start_at)} – ${day(budget.period_end_at - 1)}`),
      verdict(budget)),
    h('div', { class: 'body' },
      h('figure', { class: 'fig' }, burnChart(budget, status.at, spend?.days ?? [], width)),
      h('p', { class: 'note' }, note(budget, status.at)),
      others.map((b) => h('p', { class: 'note' }, t('bud.other', { name: b.name, spent: usd(b.spent_usd), projected: usd(b.projected_usd), limit: usd(b.limit_usd) }))),
      budget.unpriced_attempts > 0 && h('p', { class: 'note warned' }, icon('warn', 'mini'), ' ', t('bud.unpriced', { n: count(budget.unpriced_attempts) }))),
  ];
}

function verdict(budget) {
  const [limit, projected, upper] = [budget.limit_usd, budget.projected_usd, budget.projected_upper_usd].map(Number);
  const [state, key] = projected > limit ? ['bad', 'bud.over'] : upper > limit ? ['warn', 'bud.risk'] : ['ok', 'bud.ok'];
  return h('span', { class: `right chip ${state}` }, icon(state, 'mini'), t(key));
}

function note(budget, at) {
  const [spent, limit, projected] = [budget.spent_usd, budget.limit_usd, budget.projected_usd].map(Number);
  const range = { lower: usd(budget.projected_lower_usd), upper: usd(budget.projected_upper_usd) };
  if (spent > limit) return rich('bud.note.gone', { spent: usd(spent), limit: usd(limit), ...range });
  if (projected <= limit) return rich('bud.note', { ...range, share: percent(spent / limit) });
  const crossing = at + ((limit - spent) / (projected - spent)) * (budget.period_end_at - at);
  return rich('bud.note.over', { ...range, day: day(crossing) });
}

/** What was spent by the end of each day, up to now; the last point is the server's own total. */
function spentCurve(budget, at, days) {
  const points = [[budget.period_start_at, 0]];
  let total = 0;
  for (const { start_at, usd: amount } of days) {
    total += Number(amount ?? 0);
    const end = Math.min(start_at + DAY_S, at);
    if (start_at >= budget.period_start_at && end < at) points.push([end, Math.min(total, Number(budget.spent_usd))]);
  }
  points.push([at, Number(budget.spent_usd)]);
  return points;
}

function burnChart(budget, at, days, width) {
  const [limit, spent, projected, lower, upper] =
    [budget.limit_usd, budget.spent_usd, budget.projected_usd, budget.projected_lower_usd, budget.projected_upper_usd].map(Number);
  const { period_start_at: start, period_end_at: end } = budget;
  const axis = ticks(Math.max(limit, upper, spent) * 1.04, 4);
  const right = width - RIGHT;
  const floor = HEIGHT - BOTTOM;
  const x = (instant) => LEFT + (right - LEFT) * Math.max(0, Math.min(1, (instant - start) / (end - start)));
  const y = (amount) => TOP + (floor - TOP) * (1 - amount / axis.at(-1));
  const curve = spentCurve(budget, at, days);
  const cone = Array.from({ length: 13 }, (_, i) => i / 12);
  const xs = cone.map((part) => x(at + (end - at) * part));
  const spread = (edge) => cone.map((part) => y(spent + (projected - spent) * part + (edge - projected) * Math.sqrt(part)));
  const left = x(at) - LEFT > 120;
  const labelY = y(upper) - 8 < TOP + 4 || Math.abs(y(upper) - 13 - y(limit)) < 9 ? Math.min(y(lower) + 24, floor - 6) : y(upper) - 8;
  const label = t('bud.chart', { spent: usd(spent), projected: usd(projected), limit: usd(limit) });
  return h('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', 'aria-label': label },
    h('rect', { class: 'fut', x: x(at), y: TOP - 4, width: Math.max(0, right - x(at)), height: floor - TOP + 4 }),
    axis.map((amount) => [
      h('path', { class: 'gridl', d: `M${LEFT} ${y(amount).toFixed(1)}H${right}` }),
      h('text', { class: 'ax', x: LEFT - 6, y: y(amount) + 4, 'text-anchor': 'end' }, short(amount)),
    ]),
    h('path', { class: 'slo', d: `M${LEFT} ${y(limit)}H${right}` }),
    h('text', { class: 'ax b halo', x: LEFT + 6, y: y(limit) + (y(limit) < TOP + 16 ? 14 : -5) }, t('bud.limit', { limit: usd(limit) })),
    h('path', { class: 'b80', d: band(xs, spread(lower), spread(upper)) }),
    h('path', { class: 'obs', d: line(curve.map(([instant]) => x(instant)), curve.map(([, amount]) => y(amount))) }),
    h('path', { class: 'fcl', d: `M${x(at).toFixed(1)} ${y(spent).toFixed(1)}L${x(end).toFixed(1)} ${y(projected).toFixed(1)}` }),
    h('circle', { class: 'fcf', cx: x(end), cy: y(projected), r: 3 }),
    h('path', { class: 'now', d: `M${x(at)} ${TOP - 4}V${floor}` }),
    h('text', { class: 'ax f halo', x: right - 8, y: labelY, 'text-anchor': 'end' }, usd(projected)),
    h('text', { class: 'ax i halo', x: x(at) + (left ? -6 : 6), y: Math.min(floor - 6, y(spent) - (left ? 8 : 26)), 'text-anchor': left ? 'end' : 'start' },
      t('bud.today', { spent: usd(spent) })),
    dates(start, end).map((instant, i, all) =>
      h('text', { class: 'ax', x: x(instant), y: HEIGHT - 5, 'text-anchor': i === 0 ? 'start' : i === all.length - 1 ? 'end' : 'middle' },
        day(i === all.length - 1 ? instant - 1 : instant))));
}

const dates = (start, end) => [0, 1, 2, 3, 4].map((i) => {
  const instant = start + ((end - start) * i) / 4;
  return i === 4 ? end : Math.round(instant / DAY_S) * DAY_S;
});

const short = (amount) => (amount >= 1000 ? `$${+(amount / 1000).toFixed(1)}k` : usd(amount).replace(/\.00$/, ''));

export function spendCard(spend, budgets) {
  const rows = (spend?.by_channel ?? []).slice().sort((a, b) => Number(b.usd ?? 0) - Number(a.usd ?? 0));
  const total = rows.reduce((sum, row) => sum + Number(row.usd ?? 0), 0);
  const max = Math.max(1e-9, ...rows.map((row) => Number(row.usd ?? 0)));
  const unpriced = rows.filter((row) => row.unpriced_attempts > 0);
  return [
    h('header', {}, h('h2', {}, t('spend')), h('span', { class: 'sub' }, t(budgets.length ? 'spend.sub' : 'spend.sub.days'))),
    h('div', { class: 'body' },
      !spend && h('p', { class: 'note' }, t('loading')),
      spend && rows.length === 0 && h('p', { class: 'note' }, t('spend.none')),
      rows.length > 0 && h('div', { class: 'bars num' },
        rows.slice(0, 10).map((row) => [
          h('span', { class: 'b-name', title: row.channel }, row.channel),
          spanBar(0, Number(row.usd ?? 0), max, 'inkf'),
          h('b', {}, known(row.usd) && !(Number(row.usd) === 0 && row.unpriced_attempts > 0) ? usd(row.usd) : h('span', { class: 'muted' }, known(row.usd) ? t('unpriced') : NONE)),
          h('span', { class: 'muted' }, t('spend.attempts', { n: count(row.attempts) })),
        ])),
      rows.length > 0 && h('p', { class: 'note' }, rich(known(spend.end_at) ? 'spend.total.at' : 'spend.total', { total: usd(total), time: clock(spend.end_at) })),
      unpriced.length > 0 && h('p', { class: 'note warned' }, icon('warn', 'mini'), ' ',
        t('spend.unpriced', { list: unpriced.map((row) => `${row.channel} (${count(row.unpriced_attempts)})`).join(', ') }))),
  ];
}
