// Small drawings in SVG. One grammar: ink = what happened, blue = what is expected, tinted = the future,
// red dashes = a limit. Colours and strokes are classes of app.css; only geometry stands here.

import { h } from './dom.js';
import { known } from './format.js';

const fixed = (value) => value.toFixed(1);

/** A path through the known points; gaps stay gaps, and a lone point becomes a dot-length dash. */
export function line(xs, ys) {
  let path = '';
  let open = false;
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null) {
      open = false;
      continue;
    }
    path += `${open ? 'L' : 'M'}${fixed(xs[i])} ${fixed(ys[i])}`;
    const alone = !open && (i + 1 === xs.length || ys[i + 1] === null);
    if (alone) path += 'h.8';
    open = true;
  }
  return path;
}

export function band(xs, lower, upper) {
  if (xs.length === 0) return '';
  const back = line([...xs].reverse(), [...lower].reverse());
  return `${line(xs, upper)}L${back.slice(1)}Z`;
}

/** Keep the lowest and the highest value of each bucket, so that a spike survives the thinning. */
export function decimate(values, bucket) {
  const kept = [];
  for (let start = 0; start < values.length; start += bucket) {
    const indices = [];
    for (let i = start; i < Math.min(start + bucket, values.length); i++) if (known(values[i])) indices.push(i);
    if (indices.length === 0) kept.push([start, null]);
    else {
      const low = indices.reduce((a, b) => (values[b] < values[a] ? b : a));
      const high = indices.reduce((a, b) => (values[b] > values[a] ? b : a));
      for (const i of [...new Set([low, high])].sort((a, b) => a - b)) kept.push([i, values[i]]);
    }
  }
  return kept;
}

/** About `wanted` round steps from 0 to at least `top`. */
export function ticks(top, wanted = 4) {
  if (!(top > 0)) return [0, 1];
  const raw = top / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  const steps = Math.ceil(top / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, i) => i * step);
}

/** The value under which the given share of the values lies; outliers shall not flatten everything else. */
export function quantile(values, share) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : null;
}

const SHAPES = {
  ok: () => h('circle', { class: 'okf', cx: 7, cy: 7, r: 3.6 }),
  warn: () => h('path', { class: 'warnf', d: 'M7 1.8 13 12.4H1z' }),
  bad: () => h('path', { class: 'bad', d: 'M4.2 1h5.6L13 4.2v5.6L9.8 13H4.2L1 9.8V4.2z' }),
  off: () => h('circle', { class: 'ringo', cx: 7, cy: 7, r: 4 }),
  idle: () => h('path', { class: 'ringo', d: 'M3.5 7h7' }),
  act: () => h('path', { class: 'fcl', d: 'M1.5 10.5 5.5 6.5l2.2 2.2L12 4.4M8.6 4h3.6v3.6' }),
};

/** The mark of a state: form and colour, so that colour is never the only signal. */
export const icon = (state, name = 'st') =>
  h('svg', { class: name, viewBox: '0 0 14 14', 'aria-hidden': 'true' }, SHAPES[state]());

const SPARK = { width: 150, height: 32, now: 112.5 };

/** Three hours back and one hour ahead; `top` is the value at the upper edge, the same for all rows. */
export function sparkline(spark, limit, top) {
  const { width, height, now } = SPARK;
  const y = (value) => (known(value) ? height - 1 - (Math.min(value, top) / top) * (height - 2) : null);
  const past = decimate(spark.values, 4);
  const last = Math.max(1, spark.values.length - 1);
  const xs = past.map(([i]) => (i / last) * now);
  const xf = spark.mean.map((_, i) => now + ((i + 1) / spark.mean.length) * (width - now));
  return h('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'fut', x: now, y: 0, width: width - now, height }),
    spark.mean.length > 0 && h('path', { class: 'b80', d: band(xf, spark.lower.map(y), spark.upper.map(y)) }),
    known(limit) && limit <= top && h('path', { class: 'slo thin', d: `M0 ${fixed(y(limit))}H${width}` }),
    h('path', { class: 'obs thin', d: line(xs, past.map(([, value]) => y(value))) }),
    spark.mean.length > 0 && h('path', { class: 'fcl thin', d: line(xf, spark.mean.map(y)) }));
}

/** A figure against its limit: ink up to now, blue up to what is expected, a red mark at the limit. */
export function meter({ value, expected = null, limit = null, max, kind = 'inkf', mark = 'bad' }) {
  const x = (number) => Math.max(0, Math.min(100, (number / max) * 100));
  const grows = known(expected) && expected > value;
  return h('svg', { class: 'meter', viewBox: '0 0 100 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'track', x: 0, y: 3, width: 100, height: 6, rx: 1 }),
    grows && h('rect', { class: 'b80', x: x(value), y: 3, width: x(expected) - x(value), height: 6 }),
    h('rect', { class: kind, x: 0, y: 3, width: x(value), height: 6, rx: 1 }),
    known(expected) && h('rect', { class: 'fcf', x: Math.max(0, x(expected) - 0.6), y: 3, width: 1.2, height: 6 }),
    known(limit) && h('rect', { class: mark, x: Math.min(99.2, x(limit)), y: 0, width: 0.8, height: 12 }));
}

/** A share, and in pale blue what the configured share would be above it. */
export function shareBar(share, configured, max) {
  const x = (value) => (max > 0 ? (Math.min(value, max) / max) * 46 : 0);
  return h('svg', { class: 'sharebar', viewBox: '0 0 46 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'track', x: 0, y: 0, width: 46, height: 8, rx: 2 }),
    configured > share && h('rect', { class: 'b80', x: 0, y: 0, width: fixed(x(configured)), height: 8, rx: 2 }),
    h('rect', { class: 'inkf', x: 0, y: 0, width: fixed(x(share)), height: 8, rx: 2 }));
}

/** A bar from `from` to `to` on 0…max, for a waterfall; at least a visible sliver. */
export function spanBar(from, to, max, kind) {
  const x = (value) => Math.max(0, Math.min(100, (value / max) * 100));
  const [left, right] = [Math.min(x(from), x(to)), Math.max(x(from), x(to))];
  return h('svg', { class: 'spanbar', viewBox: '0 0 100 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'track', x: 0, y: 2, width: 100, height: 8, rx: 1 }),
    h('rect', { class: kind, x: left, y: 2, width: Math.max(0.8, right - left), height: 8, rx: 1 }));
}
