// The chart of the selected channel: three hours that happened, one hour that is expected, what was predicted
// for the past a quarter of an hour before it, the limit, anomalies and decisions.

import { $, h, patch } from './dom.js';
import { band, line, quantile, ticks } from './charts.js';
import { clock, inUnit, known, ms, msUnit, percent } from './format.js';
import { coded, t } from './i18n.js';

const LEFT = 44;
const RIGHT = 8;
const TOP = 26;
const BOTTOM = 24;
const FLAG_MERGE_S = 900;
const FLAG_MIN = 0.03;

/** Where everything is: kept for the cursor, which is drawn without drawing the chart again. */
export function geometry(model, width) {
  const height = width < 430 ? 226 : 252;
  const first = Math.round((model.start_at - model.at) / model.step_s) + 1;
  const past = Math.max(1 - first, 1);
  const offset = model.forecast ? Math.round((model.forecast.origin_at - model.at) / model.step_s) : 0;
  const ahead = Math.max(60, model.forecast?.mean.length ?? 0);
  const minute = (width - LEFT - RIGHT) / (past + ahead - 1);
  const x0 = LEFT + (past - 1) * minute;
  const axis = ticks(topOf(model), 5);
  const top = axis.at(-1);
  return {
    model, width, height, first, past, offset, ahead, x0, axis, top,
    right: width - RIGHT,
    floor: height - BOTTOM,
    x: (m) => x0 + m * minute,
    y: (value) => (known(value) ? TOP + (height - TOP - BOTTOM) * (1 - Math.min(value, top) / top) : null),
    at: (x) => Math.max(1 - past, Math.min((model.forecast?.mean.length ?? 0) + offset, Math.round((x - x0) / minute))),
    minuteOf: (at) => (at - model.at) / model.step_s,
  };
}

function topOf(model) {
  const seen = [quantile(model.values, 0.985), quantile(model.forecast?.upper ?? [], 0.985), quantile(model.past?.values ?? [], 1)];
  const likely = Math.max(0, ...seen.filter(known));
  // The wide band may take some room, but not so much that everything else lies flat.
  const highest = Math.max(likely, Math.min(quantile(model.forecast?.upper95 ?? [], 0.985) ?? 0, likely * 1.4));
  return known(model.limit_s) ? Math.max(model.limit_s * 1.12, Math.min(highest * 1.04, model.limit_s * 4)) : highest * 1.1;
}

export function bandChart(geo) {
  const { model } = geo;
  return h('svg', { class: 'band', viewBox: `0 0 ${geo.width} ${geo.height}`, width: geo.width, height: geo.height, 'aria-hidden': 'true' },
    h('rect', { class: 'fut', x: geo.x0, y: TOP - 4, width: geo.right - geo.x0, height: geo.floor - TOP + 4 }),
    grid(geo),
    timeAxis(geo),
    forecastMarks(geo),
    h('path', { class: 'obs', d: line(indices(geo), model.values.map(geo.y)) }),
    earlier(geo),
    limitMark(geo),
    anomalyRings(geo),
    flags(geo),
    h('path', { class: 'now', d: `M${geo.x0} ${TOP - 4}V${geo.floor}` }),
    h('text', { class: 'ax i halo', x: geo.x0 + 5, y: TOP + 8 }, t('now')),
    empty(geo),
    h('g', { id: 'cursor-layer' }));
}

const indices = (geo) => geo.model.values.map((_, i) => geo.x(geo.first + i));

function grid(geo) {
  return geo.axis.map((value) => [
    h('path', { class: 'gridl', d: `M${LEFT} ${geo.y(value).toFixed(1)}H${geo.right}` }),
    h('text', { class: 'ax', x: LEFT - 6, y: geo.y(value) + 4, 'text-anchor': 'end' }, ms(value)),
  ]);
}

function timeAxis(geo) {
  const { model } = geo;
  const label = (minute, text, kind, anchor) =>
    h('text', { class: `ax ${kind}`, x: geo.x(minute), y: geo.height - 6, 'text-anchor': anchor }, text);
  const clear = (minute) => geo.x(minute) > LEFT + 16 && geo.x(15) - geo.x(minute) > 50;
  return [
    fullHours(geo).filter(clear).map((minute) => [
      h('path', { class: 'tickl', d: `M${geo.x(minute).toFixed(1)} ${geo.floor}v4` }),
      label(minute, clock(model.at + minute * model.step_s), '', 'middle'),
    ]),
    geo.x(geo.ahead) - geo.x(15) > 72
      ? label(15, t('in15.short'), 'f', 'middle')
      : label(20, t('in15.short'), 'f', 'end'),
    label(geo.ahead, t('in60.short'), 'f', 'end'),
  ];
}

function fullHours(geo) {
  const { at, start_at: start } = geo.model;
  const hours = [];
  for (let hour = Math.ceil(start / 3600) * 3600; hour <= at; hour += 3600) hours.push(geo.minuteOf(hour));
  return hours;
}

function forecastMarks(geo) {
  const { model } = geo;
  const marks = [];
  const forecast = model.forecast;
  if (forecast?.mean.length) {
    const xs = forecast.mean.map((_, i) => geo.x(i + 1 + geo.offset));
    marks.push(
      forecast.lower95?.length > 0 && h('path', { class: 'b95', d: band(xs, forecast.lower95.map(geo.y), forecast.upper95.map(geo.y)) }),
      h('path', { class: 'b80', d: band(xs, forecast.lower.map(geo.y), forecast.upper.map(geo.y)) }),
      h('path', { class: 'fcl', d: line(xs, forecast.mean.map(geo.y)) }),
      [14, 59].filter((i) => i < xs.length).map((i) => h('circle', { class: 'fcf', cx: xs[i], cy: geo.y(forecast.mean[i]), r: 3 })));
  }
  return marks;
}

const pastStart = (geo) => minuteOfWindow(geo, geo.model.past.start_at);

/** What was said a quarter of an hour before, over what came: only up to now, the rest is in the forecast. */
function earlier(geo) {
  if (!geo.model.past) return null;
  const first = pastStart(geo);
  const values = geo.model.past.values.slice(0, Math.max(0, 1 - first));
  return h('path', { class: 'past', d: line(values.map((_, i) => geo.x(first + i)), values.map(geo.y)) });
}

function limitMark(geo) {
  const limit = geo.model.limit_s;
  if (!known(limit)) return null;
  const y = geo.y(limit);
  return [
    h('path', { class: 'slo', d: `M${LEFT} ${y}H${geo.right}` }),
    h('text', { class: 'ax b halo', x: LEFT + 6, y: y - 5 }, t('limit.is', { limit: msUnit(limit) })),
  ];
}

/** A window stands at its end; an anomaly names its start. */
const minuteOfWindow = (geo, startAt) => Math.round(geo.minuteOf(startAt)) + 1;

/** A ring for every unusual minute, and a word for each episode where there is room for it. */
function anomalyRings(geo) {
  const rings = geo.model.anomalies
    .map((anomaly) => ({ minute: minuteOfWindow(geo, anomaly.at), anomaly }))
    .filter(({ minute }) => minute > -geo.past && minute <= 0)
    .map(({ minute, anomaly }) => ({ x: geo.x(minute), y: ringHeight(geo, minute, anomaly), anomaly }))
    .sort((a, b) => a.x - b.x);
  return [
    rings.map(({ x, y, anomaly }) => h('circle', { class: 'anom', cx: x, cy: y, r: 4 }, h('title', {}, anomalyWords(geo, anomaly)))),
    ringLabels(geo, rings),
  ];
}

/** The chart has one axis: what was odd about another metric stands on the ground. */
function ringHeight(geo, minute, anomaly) {
  const own = anomaly.metric === geo.model.metric;
  return own ? geo.y(geo.model.values[minute - geo.first] ?? anomaly.value) : geo.floor - 6;
}

function ringLabels(geo, rings) {
  const newest = new Map(rings.map((ring) => [`${ring.anomaly.metric}/${ring.anomaly.since_at}`, ring]));
  let free = geo.x0;
  return [...newest.values()].reverse().map(({ x, y, anomaly }) => {
    const text = kindOf(geo, anomaly);
    const wide = text.length * 6.6;
    const right = Math.min(x + wide / 2, free - 4);
    if (right - wide < LEFT || right < x - 6) return null;
    free = right - wide;
    const above = y - 10 > TOP + 8;
    return h('text', { class: 'ax odd halo', x: right, y: above ? y - 10 : y + 18, 'text-anchor': 'end' }, text);
  });
}

function kindOf(geo, anomaly) {
  const kind = coded('alert.kind', anomaly.kind ?? 'spike');
  return anomaly.metric === geo.model.metric ? kind : t('anomaly.of', { metric: coded('alert.metric', anomaly.metric), kind });
}

const anomalyWords = (geo, { metric, value, expected, ...rest }) =>
  t('tip.anomaly', { kind: kindOf(geo, { metric, ...rest }), value: inUnit(metric, value), usual: inUnit(metric, expected) });

/** Steps that follow each other are one flag; a label is left out where it would cover its neighbour's. */
function flags(geo) {
  const steps = geo.model.decisions
    .flatMap((decision) => decision.changes.map((change) => ({ at: decision.at, applied: decision.applied, ...change })))
    .filter((step) => step.channel === geo.model.id)
    .sort((a, b) => a.at - b.at);
  const merged = [];
  for (const step of steps) {
    const last = merged.at(-1);
    if (last && step.at - last.until <= FLAG_MERGE_S && last.applied === step.applied) {
      Object.assign(last, { until: step.at, after: step.after });
    } else merged.push({ ...step, until: step.at });
  }
  let free = geo.x0 - 4;
  return merged.filter((flag) => Math.abs(flag.after - flag.before) >= FLAG_MIN).reverse().map((flag) => {
    const x = geo.x(Math.max(1 - geo.past, geo.minuteOf(flag.at)));
    const text = t('moved', { before: percent(flag.before), after: percent(flag.after) });
    const wide = text.length * 6.6 + 8;
    const right = Math.max(LEFT + wide, Math.min(x + wide / 2, free));
    const fits = right <= free && right - wide <= x + 6;
    if (fits) free = right - wide - 6;
    return h('g', { class: flag.applied ? 'flag' : 'flag idea' },
      h('path', { class: 'evt', d: `M${x.toFixed(1)} ${TOP - 6}V${geo.floor}` }),
      h('path', { class: 'evtf', d: `M${x.toFixed(1)} ${TOP - 4}l-4.5 -6h9z` }),
      fits && h('text', { class: 'ax f halo', x: right - wide / 2, y: TOP - 14, 'text-anchor': 'middle' }, text));
  });
}

function empty(geo) {
  const middle = (TOP + geo.floor) / 2;
  const say = (x, kind, key) => h('text', { class: `ax ${kind}`, x, y: middle, 'text-anchor': 'middle' }, t(key));
  return [
    !geo.model.values.some(known) && say((LEFT + geo.x0) / 2, '', 'chart.nodata'),
    !geo.model.forecast?.mean.length && say((geo.x0 + geo.right) / 2, 'f', 'chart.noforecast'),
  ];
}

/** What stands at a minute: the text of the cursor, also read by assistive technology. */
export function reading(geo, minute) {
  const { model } = geo;
  const time = clock(model.at + minute * model.step_s);
  if (minute <= 0) {
    return readPast(geo, minute, time);
  }
  const f = model.forecast;
  const i = minute - 1 - geo.offset;
  const value = f?.mean[i];
  if (!known(value)) return { value: null, text: t('tip.gap', { time }) };
  return { value, text: t('tip.expected', { time, value: msUnit(value), lower: ms(f.lower[i]), upper: msUnit(f.upper[i]) }) };
}

function readPast(geo, minute, time) {
  const { model } = geo;
  const value = model.values[minute - geo.first];
  if (!known(value)) return { value, text: t('tip.gap', { time }) };
  const said = model.past?.values[minute - pastStart(geo)];
  const odd = model.anomalies.find((anomaly) => minuteOfWindow(geo, anomaly.at) === minute);
  const parts = [
    t('tip.actual', { time, value: msUnit(value) }),
    known(said) && t('tip.predicted', { value: msUnit(said) }),
    odd && kindOf(geo, odd),
  ];
  return { value, text: parts.filter(Boolean).join(', ') };
}

/** Draw the cursor into its own layer; null takes it away. */
export function drawCursor(layer, geo, minute) {
  if (minute === null) return patch(layer, []);
  const { value, text } = reading(geo, minute);
  const x = geo.x(minute);
  const y = geo.y(value) ?? geo.floor;
  const draw = (wide) => {
    const left = Math.max(2, Math.min(geo.width - wide - 2, x - wide / 2));
    const above = y - 36 > 2 ? y - 36 : y + 12;
    patch(layer, [
      h('path', { class: 'cursor', d: `M${x.toFixed(1)} ${TOP}V${geo.floor}` }),
      known(value) && h('circle', { class: minute <= 0 ? 'inkf' : 'fcf', cx: x, cy: y, r: 3.5 }),
      h('rect', { class: 'tipbox', x: left, y: above, width: wide, height: 24, rx: 6 }),
      h('text', { class: 'tiptext', x: left + wide / 2, y: above + 16, 'text-anchor': 'middle', id: 'tip-text' }, text),
    ]);
  };
  draw(text.length * 6.4 + 18);
  const measured = $('tip-text')?.getComputedTextLength() ?? 0;
  if (measured > 0) draw(Math.ceil(measured) + 18);
}
