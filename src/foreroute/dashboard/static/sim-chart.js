// The course of a simulated day: what users waited, what failed, what was put into the story and when shares moved.

import { h } from './dom.js';
import { line, ticks } from './charts.js';
import { clock, known, msUnit } from './format.js';
import { t } from './i18n.js';

const LEFT = 66;
const RIGHT = 18;
const TOP = 20;
const PLOT = 190;
const FAILS = 34;
const GAP = 14;
const HEIGHT = TOP + PLOT + GAP + FAILS + 20;

export function courseChart(run, width) {
  const { course, objective_s: limit } = run;
  const x = (at) => LEFT + ((at - run.start_at) / (run.ends_at - run.start_at)) * (width - LEFT - RIGHT);
  const seen = course.map((row) => row.p95_s).filter(known);
  const top = Math.max(limit ? limit * 1.3 : 0, Math.min(Math.max(0.1, ...seen), limit ? limit * 4 : Infinity));
  const steps = ticks(top);
  const y = (value) => (known(value) ? TOP + PLOT - (Math.min(value, steps.at(-1)) / steps.at(-1)) * PLOT : null);
  const now = x(Math.min(run.end_at, run.ends_at));
  return h('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', 'aria-label': spoken(run) },
    h('rect', { class: 'fut', x: now, y: TOP, width: Math.max(0, width - RIGHT - now), height: PLOT + GAP + FAILS }),
    run.timeline.map((event) => faultSpan(event, x, run)),
    steps.map((value) => h('g', {},
      h('path', { class: 'gridl', d: `M${LEFT} ${y(value).toFixed(1)}H${width - RIGHT}` }),
      h('text', { class: 'ax', x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, msUnit(value)))),
    known(limit) && h('path', { class: 'slo', d: `M${LEFT} ${y(limit).toFixed(1)}H${width - RIGHT}` }),
    known(limit) && h('text', { class: 'ax b halo', x: width - RIGHT - 4, y: y(limit) - 5, 'text-anchor': 'end' }, t('sim.limit', { limit: msUnit(limit) })),
    h('path', { class: 'obs', d: line(course.map((row) => x(row.at)), course.map((row) => y(row.p95_s))) }),
    run.decisions.map((decision) => h('path', { class: 'evt', d: `M${x(decision.at).toFixed(1)} ${TOP}v-8` })),
    failures(course, x),
    h('text', { class: 'ax', x: LEFT - 8, y: TOP + PLOT + GAP + FAILS - 2, 'text-anchor': 'end' }, t('sim.failed')),
    h('path', { class: 'now', d: `M${now.toFixed(1)} ${TOP}V${TOP + PLOT + GAP + FAILS}` }),
    hours(run).map((at) => h('text', { class: 'ax', x: x(at), y: HEIGHT - 4, 'text-anchor': 'middle' }, clock(at))));
}

function faultSpan(event, x, run) {
  const from = Math.max(run.start_at, event.starts_at);
  const until = Math.min(run.ends_at, event.ends_at ?? run.ends_at);
  if (until <= from) return null;
  return h('rect', { class: 'fault', x: x(from), y: TOP, width: Math.max(1.5, x(until) - x(from)), height: PLOT + GAP + FAILS },
    h('title', {}, `${t(`sim.fault.${event.fault}`)}: ${event.channel ?? event.region ?? event.provider ?? event.cloud ?? t('sim.everywhere')}`));
}

function failures(course, x) {
  const most = Math.max(0.02, ...course.map((row) => (row.requests ? row.failures / row.requests : 0)));
  const base = TOP + PLOT + GAP + FAILS;
  return course.filter((row) => row.failures > 0).map((row) => {
    const height = Math.max(1.5, ((row.failures / row.requests) / most) * FAILS);
    return h('rect', { class: 'failf', x: x(row.at), y: base - height, width: Math.max(1.5, x(row.at + 300) - x(row.at) - 0.5), height });
  });
}

function hours(run) {
  const span = run.ends_at - run.start_at;
  const step = [900, 1800, 3600, 7200, 14400].find((one) => span / one <= 8) ?? 14400;
  const first = Math.ceil(run.start_at / step) * step;
  return Array.from({ length: Math.floor((run.ends_at - first) / step) + 1 }, (_, i) => first + i * step);
}

function spoken(run) {
  const worst = run.course.filter((row) => known(row.p95_s)).sort((a, b) => b.p95_s - a.p95_s)[0];
  return worst ? t('sim.spoken', { worst: msUnit(worst.p95_s), at: clock(worst.at), n: run.users.failures }) : t('loading');
}

/** A channel's share over the story. */
export function shareSpark(course, channel, top) {
  const rows = course.filter((row) => row.shares);
  const last = Math.max(1, course.length - 1);
  const y = (share) => 30 - (top > 0 ? share / top : 0) * 28;
  return h('svg', { class: 'spark', viewBox: '0 0 120 32', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('path', { class: 'obs thin', d: line(rows.map((_, i) => (i / last) * 120), rows.map((row) => y(row.shares[channel] ?? 0))) }));
}
