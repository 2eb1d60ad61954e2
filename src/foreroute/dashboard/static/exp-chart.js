// The effect of one arm over time, with the interval that holds at all times, and the zone that is not worth knowing.

import { h } from './dom.js';
import { band, line } from './charts.js';
import { clock, day, known } from './format.js';
import { t } from './i18n.js';
import { change, measureName, threshold } from './exp-words.js';

const LEFT = 52;
const RIGHT = 10;
const TOP = 12;
const BOTTOM = 22;
const HEIGHT = 210;

export function effectChart(run, effect, definition, width) {
  const points = pointsOf(run, effect);
  const worth = definition.effect;
  if (points.length === 0) return h('p', { class: 'note' }, t('exp.chart.none', { n: 100 }));
  const [low, high] = rangeOf(points, worth);
  const start = run.begins_at;
  const end = Math.max(points.at(-1).at, start + 1);
  const floor = HEIGHT - BOTTOM;
  const x = (instant) => LEFT + (width - LEFT - RIGHT) * Math.max(0, Math.min(1, (instant - start) / (end - start)));
  const clip = (value) => Math.max(low, Math.min(high, value));
  const y = (value) => TOP + (floor - TOP) * (high - clip(value)) / (high - low);
  const xs = points.map((one) => x(one.at));
  const label = t('exp.chart', {
    arm: effect.arm, control: run.arms[0], measure: measureName(effect.measure),
    value: change(effect.measure, effect.value), lower: change(effect.measure, effect.lower), upper: change(effect.measure, effect.upper),
  });
  return h('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', 'aria-label': label },
    h('rect', { class: 'eq', x: LEFT, y: y(worth), width: width - LEFT - RIGHT, height: Math.max(0, y(-worth) - y(worth)) }),
    ticksOf(low, high).map((value) => [
      value !== 0 && h('path', { class: 'gridl', d: `M${LEFT} ${y(value).toFixed(1)}H${width - RIGHT}` }),
      h('text', { class: 'ax', x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end' }, axisWord(effect.measure, value)),
    ]),
    h('path', { class: 'b80', d: band(xs, points.map((one) => y(one.lower)), points.map((one) => y(one.upper))) }),
    h('path', { class: 'bound', d: line(xs, points.map((one) => (one.upper > high ? null : y(one.upper)))) }),
    h('path', { class: 'bound', d: line(xs, points.map((one) => (one.lower < low ? null : y(one.lower)))) }),
    h('path', { class: 'zero', d: `M${LEFT} ${y(0).toFixed(1)}H${width - RIGHT}` }),
    h('path', { class: 'obs', d: line(xs, points.map((one) => y(one.value))) }),
    h('text', { class: 'ax halo', x: LEFT + 4, y: Math.min(y(-worth) + 13, floor - 3) }, t('exp.chart.eq', { effect: threshold(effect.measure, worth) })),
    h('text', { class: 'ax', x: LEFT, y: HEIGHT - 5 }, moment(start, end)),
    h('text', { class: 'ax', x: width - RIGHT, y: HEIGHT - 5, 'text-anchor': 'end' }, moment(end, start)));
}

function pointsOf(run, effect) {
  return run.points
    .map(({ at, effects }) => {
      const found = effects.find(([arm]) => arm === effect.arm);
      return found && { at, value: found[1], lower: found[2], upper: found[3] };
    })
    .filter((one) => one && known(one.value) && known(one.lower) && known(one.upper));
}

/** The last intervals fill the chart; the wide ones of the beginning are cut at its edge. */
function rangeOf(points, worth) {
  const settled = points.slice(-Math.max(1, Math.ceil(points.length * 0.6)));
  const low = Math.min(-worth * 1.6, ...settled.map((one) => one.lower));
  const high = Math.max(worth * 1.6, ...settled.map((one) => one.upper));
  const room = (high - low) * 0.06;
  return [low - room, high + room];
}

function ticksOf(low, high) {
  const raw = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= raw) * power;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

function axisWord(measure, value) {
  const near = Math.abs(value) < 1e-9 ? 0 : value;
  return measure === 'quality' ? near.toFixed(2) : near === 0 ? '0%' : change(measure, near, Math.abs(near) < 0.0195 ? 1 : 0);
}

const moment = (instant, other) =>
  Math.floor(instant / 86400) === Math.floor(other / 86400) ? clock(instant) : `${day(instant)} ${clock(instant)}`;
