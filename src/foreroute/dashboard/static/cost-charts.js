// The two drawings of the cost page: spend with its cone to the period's end, and the frontier of a route.

import { h } from './dom.js';
import { band, line, ticks } from './charts.js';
import { msUnit, usd } from './format.js';
import { t } from './i18n.js';

const LEFT = 56;
const RIGHT = 14;
const TOP = 16;
const BOTTOM = 24;
const HEIGHT = 230;

const short = (amount) => (amount >= 1000 ? `$${+(amount / 1000).toFixed(1)}k` : usd(amount).replace(/\.00$/, ''));

/** Cumulative spend by day up to now, the cone that holds 80 % to the end, and the budgets of everybody for this period. */
export function burnChart(report, forecast, width, limits = []) {
  const total = forecast.total;
  const [spent, expected, lower, upper] = [total.spent_usd, total.expected_usd, total.lower_usd, total.upper_usd].map(Number);
  const { start_at: start, end_at: end, at } = report;
  const axis = ticks(Math.max(upper, spent, ...limits.map((one) => one.usd)) * 1.06, 4);
  const right = width - RIGHT;
  const floor = HEIGHT - BOTTOM;
  const x = (instant) => LEFT + (right - LEFT) * Math.max(0, Math.min(1, (instant - start) / (end - start)));
  const y = (amount) => TOP + (floor - TOP) * (1 - amount / axis.at(-1));
  const curve = [[start, 0]];
  const days = report.by.day;
  const step = (end - start) / days.length;
  let sum = 0;
  days.forEach((one, i) => {
    sum += Number(one.usd);
    const edge = start + step * (i + 1);
    if (edge < at) curve.push([edge, sum]);
  });
  curve.push([at, spent]);
  const cone = Array.from({ length: 13 }, (_, i) => i / 12);
  const xs = cone.map((part) => x(at + (end - at) * part));
  const spread = (edge) => cone.map((part) => y(Math.max(spent, spent + (expected - spent) * part + (edge - expected) * Math.sqrt(part))));
  const left = x(at) - LEFT > 110;
  const marks = [0, 1, 2, 3, 4].map((i) => [i, start + ((end - start) * i) / 4]);
  const name = (instant) => label(instant, end - start, report.time_zone);
  return h('svg', {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img',
    'aria-label': t('cost.chart', { spent: usd(spent), expected: usd(expected), lower: usd(lower), upper: usd(upper) }),
  },
  h('rect', { class: 'fut', x: x(at), y: TOP - 4, width: Math.max(0, right - x(at)), height: floor - TOP + 4 }),
  axis.map((amount) => [
    h('path', { class: 'gridl', d: `M${LEFT} ${y(amount).toFixed(1)}H${right}` }),
    h('text', { class: 'ax', x: LEFT - 6, y: y(amount) + 4, 'text-anchor': 'end' }, short(amount)),
  ]),
  limits.map((one) => [
    h('path', { class: 'slo', d: `M${LEFT} ${y(one.usd).toFixed(1)}H${right}` }),
    h('text', { class: 'ax b halo', x: LEFT + 6, y: y(one.usd) - 5 }, `${one.name} ${usd(one.usd)}`),
  ]),
  h('path', { class: 'b80', d: band(xs, spread(lower), spread(upper)) }),
  h('path', { class: 'obs', d: line(curve.map(([one]) => x(one)), curve.map(([, amount]) => y(amount))) }),
  h('path', { class: 'fcl', d: `M${x(at).toFixed(1)} ${y(spent).toFixed(1)}L${x(end).toFixed(1)} ${y(expected).toFixed(1)}` }),
  h('circle', { class: 'fcf', cx: x(end), cy: y(expected), r: 3 }),
  h('path', { class: 'now', d: `M${x(at)} ${TOP - 4}V${floor}` }),
  h('text', { class: 'ax f halo', x: right - 8, y: Math.max(TOP + 4, y(expected) - 9), 'text-anchor': 'end' }, usd(expected)),
  h('text', { class: 'ax i halo', x: x(at) + (left ? -6 : 6), y: left ? Math.min(floor - 6, y(spent) - 8) : TOP + 8, 'text-anchor': left ? 'end' : 'start' },
    t('cost.now', { spent: usd(spent) })),
  marks.map(([i, instant]) => h('text', {
    class: 'ax', x: x(instant), y: HEIGHT - 6, 'text-anchor': i === 0 ? 'start' : i === 4 ? 'end' : 'middle',
  }, name(instant))));
}

function label(instant, length, zone) {
  const options = length <= 100_000
    ? { hour: '2-digit', minute: '2-digit', hour12: false, timeZone: zone }
    : { day: 'numeric', month: 'short', timeZone: zone };
  return new Intl.DateTimeFormat(document.documentElement.lang === 'ko' ? 'ko' : 'en-GB', options).format(new Date(instant * 1000));
}

/** Price against latency; the frontier in two of its four measures is the blue step. */
export function frontierChart(route, width, picked = null) {
  const known = route.channels.filter((one) => one.missing.length === 0);
  const axisX = ticks(Math.max(...known.map((one) => one.usd_per_request * 1000)) * 1.15, 4);
  const axisY = ticks(Math.max(...known.map((one) => one.p95_s), route.limit_s ?? 0) * 1.15, 4);
  const right = width - RIGHT;
  const floor = HEIGHT - BOTTOM - 14;
  const x = (amount) => LEFT + ((right - LEFT) * amount * 1000) / axisX.at(-1);
  const y = (seconds) => TOP + (floor - TOP) * (1 - seconds / axisY.at(-1));
  const steps = known.filter((one) => one.on_frontier).sort((a, b) => a.usd_per_request - b.usd_per_request);
  let best = Infinity;
  let path = '';
  for (const one of steps) {
    if (one.p95_s >= best) continue;
    path += path ? `H${x(one.usd_per_request).toFixed(1)}V${y(one.p95_s).toFixed(1)}` : `M${x(one.usd_per_request).toFixed(1)} ${y(one.p95_s).toFixed(1)}`;
    best = one.p95_s;
  }
  const named = labels(known.map((one) => [one.channel, x(one.usd_per_request), y(one.p95_s)]), route.limit_s === null ? null : y(route.limit_s), right);
  return h('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', 'aria-label': t('cost.frontier') },
    axisY.map((seconds) => [
      h('path', { class: 'gridl', d: `M${LEFT} ${y(seconds).toFixed(1)}H${right}` }),
      h('text', { class: 'ax', x: LEFT - 6, y: y(seconds) + 4, 'text-anchor': 'end' }, msUnit(seconds)),
    ]),
    axisX.map((amount, i) => h('text', { class: 'ax', x: x(amount / 1000), y: floor + 16, 'text-anchor': i === axisX.length - 1 ? 'end' : 'middle' }, short(amount))),
    h('text', { class: 'ax', x: right, y: HEIGHT - 4, 'text-anchor': 'end' }, t('cost.x')),
    h('text', { class: 'ax', x: LEFT, y: TOP - 5 }, t('cost.y')),
    route.limit_s !== null && h('path', { class: 'slo', d: `M${LEFT} ${y(route.limit_s)}H${right}` }),
    route.limit_s !== null && h('text', { class: 'ax b halo', x: right, y: y(route.limit_s) - 5, 'text-anchor': 'end' }, t('cost.limit.s', { limit: msUnit(route.limit_s) })),
    h('path', { class: 'fcl', d: path || 'M0 0' }),
    known.map((one) => h('circle', {
      class: `${one.on_frontier ? 'dot' : 'dot out'}${one.channel === picked ? ' picked' : ''}`, 'data-channel': one.channel, cx: x(one.usd_per_request), cy: y(one.p95_s), r: 4.5,
    }, h('title', {}, `${one.channel}: ${usd(one.usd_per_request * 1000)}, ${msUnit(one.p95_s)}`))),
    named.map(([name, lx, ly]) => h('text', { class: 'ax i halo', x: lx, y: ly }, name)));
}

/** Each name beside its dot, where it covers no other name, dot or limit; the table names those that find no place. */
function labels(dots, limit, right) {
  const taken = dots.map(([, cx, cy]) => [cx - 6, cy - 6, cx + 6, cy + 6]);
  if (limit !== null) taken.push([LEFT, limit - 1, right, limit + 1], [right - 110, limit - 16, right, limit]);
  const found = [];
  for (const [name, cx, cy] of dots) {
    const wide = 6.4 * name.length;
    const places = [[cx + 8, cy + 4], [cx - 8 - wide, cy + 4], [cx + 6, cy - 8], [cx + 6, cy + 16], [cx - 6 - wide, cy - 8], [cx - 6 - wide, cy + 16]];
    const place = places.find(([lx, ly]) => {
      const box = [lx, ly - 10, lx + wide, ly + 2];
      return lx >= LEFT && lx + wide <= right && ly > TOP && !taken.some((other) => overlap(box, other));
    });
    if (!place) continue;
    const [lx, ly] = place;
    taken.push([lx, ly - 10, lx + wide, ly + 2]);
    found.push([name, lx, ly]);
  }
  return found;
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
