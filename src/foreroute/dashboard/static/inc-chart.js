// How it went: what failed there (or how slow it was), and below it the share of traffic that was still sent there.
// Ink is what happened, the tinted span the trouble, blue flags the phases, red dashes a limit.

import { h } from './dom.js';
import { line, ticks } from './charts.js';
import { NONE, clock, known, msUnit, percent } from './format.js';
import { coded, t } from './i18n.js';
import { phasesOf, whatOf } from './inc-words.js';

const LEFT = 60;
const RIGHT = 14;
const TOP = 28;
const UPPER = 130;
const GAP = 30;
const LOWER = 70;
const HEIGHT = TOP + UPPER + GAP + LOWER + 22;

export function courseChart(course, incident, width) {
  if (!course || course.points.length === 0) return h('p', { class: 'note' }, t('ic.chart.none'));
  const { points, start_at: start, end_at: end, step_s: step } = course;
  const slow = course.metric !== null;
  const x = (at) => LEFT + ((Math.max(start, Math.min(end, at)) - start) / Math.max(1, end - start)) * (width - LEFT - RIGHT);
  const mid = (row) => x(row.at + step / 2);
  const worst = Math.max(0, ...points.map((row) => (slow ? row.value_s : row.bad_ratio) ?? 0));
  const upper = slow ? Math.max(worst, course.limit_s * 1.2) : Math.min(1, Math.max(0.1, worst));
  const share = Math.min(1, Math.max(0.02, ...points.map((row) => row.share ?? 0)));
  const [up, low] = [ticks(upper, 4), ticks(share, 2)];
  const floor = TOP + UPPER;
  const base = floor + GAP + LOWER;
  const y = (value) => (known(value) ? floor - (Math.min(value, up.at(-1)) / up.at(-1)) * UPPER : null);
  const z = (value) => (known(value) ? base - (value / low.at(-1)) * LOWER : null);
  const xs = points.map(mid);
  const word = (value) => (slow ? msUnit(value) : percent(value));
  const phases = incident.phases;
  const over = phases.verified_at ?? phases.closed_at ?? end;
  return h('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', 'aria-label': spoken(incident, points, worst, word) },
    known(phases.first_bad_at) && h('rect', { class: 'trouble', x: x(phases.first_bad_at), y: TOP, width: Math.max(1.5, x(over) - x(phases.first_bad_at)), height: base - TOP }),
    up.map((value) => [h('path', { class: 'gridl', d: `M${LEFT} ${y(value).toFixed(1)}H${width - RIGHT}` }),
      h('text', { class: 'ax', x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, word(value))]),
    low.map((value) => [h('path', { class: 'gridl', d: `M${LEFT} ${z(value).toFixed(1)}H${width - RIGHT}` }),
      h('text', { class: 'ax', x: LEFT - 8, y: z(value) + 4, 'text-anchor': 'end' }, percent(value, value > 0 && value < 0.095 && value * 100 % 1 ? 1 : 0))]),
    slow && h('path', { class: 'slo', d: `M${LEFT} ${y(course.limit_s).toFixed(1)}H${width - RIGHT}` }),
    slow && h('text', { class: 'ax b halo', x: width - RIGHT - 4, y: y(course.limit_s) - 5, 'text-anchor': 'end' }, t('ic.chart.limit', { limit: msUnit(course.limit_s) })),
    !slow && h('path', { class: 'past', d: line(xs, points.map((row) => y(row.all_bad_ratio))) }),
    h('path', { class: slow ? 'obs' : 'lastbad', d: line(xs, points.map((row) => y(slow ? row.value_s : row.bad_ratio))) }),
    h('path', { class: 'obs', d: line(xs, points.map((row) => z(row.share))) }),
    flags(incident, x, base, width),
    h('text', { class: 'ax i halo', x: LEFT + 4, y: floor + GAP - 8 }, t('ic.chart.share')),
    legend(slow, course),
    hours(start, end, width).map((at) => h('text', { class: 'ax', x: x(at), y: HEIGHT - 5, 'text-anchor': 'middle' }, clock(at))));
}

function legend(slow, course) {
  const name = slow ? t('ic.chart.slow', { metric: coded('alert.metric', course.metric) }) : t('ic.chart.bad');
  return h('text', { class: 'ax halo', x: LEFT + 4, y: TOP - 14 },
    h('tspan', { class: slow ? 'i' : 'b' }, `— ${name}`),
    !slow && h('tspan', { class: 'f', dx: 14 }, `— ${t('ic.chart.all')}`));
}

/** One flag a phase, numbered as above; those that would hide each other share a place. */
function flags(incident, x, base, width) {
  const found = phasesOf(incident).map((one, i) => ({ ...one, number: i + 1 })).filter((one) => one.at !== null);
  let last = -Infinity;
  return found.map((one) => {
    const place = x(one.at);
    const label = Math.max(place, last + 15);
    last = label;
    return h('g', { class: 'flag', key: one.name },
      h('path', { class: 'evt', d: `M${place.toFixed(1)} ${TOP}V${base}` }),
      label <= width - RIGHT && [h('circle', { class: 'evtf', cx: label, cy: TOP - 1, r: 7 }),
        h('text', { class: 'flagn', x: label, y: TOP + 3, 'text-anchor': 'middle' }, String(one.number))],
      h('title', {}, t(`ic.phase.${one.name}`)));
  });
}

function hours(start, end, width) {
  const wanted = Math.max(2, Math.floor(width / 110));
  const step = [300, 600, 900, 1800, 3600, 7200, 14400].find((one) => (end - start) / one <= wanted) ?? 14400;
  const first = Math.ceil(start / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((end - first) / step) + 1) }, (_, i) => first + i * step);
}

/** The share as it was measured: before the trouble on average, and the least since. */
function spoken(incident, points, worst, word) {
  const began = incident.phases.first_bad_at ?? incident.foreseen_at ?? Infinity;
  const shares = (rows) => rows.map((row) => row.share).filter(known);
  const before = shares(points.filter((row) => row.at + 60 <= began));
  const since = shares(points.filter((row) => row.at + 60 > began));
  const mean = before.length ? before.reduce((a, b) => a + b, 0) / before.length : null;
  return t('ic.chart', { what: whatOf(incident), worst: word(worst), before: percent(mean), least: since.length ? percent(Math.min(...since)) : NONE });
}
