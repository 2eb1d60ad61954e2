// The selected channel: its course, how good its forecasts have been, and why it has the share it has.

import { h } from './dom.js';
import { anomalyList } from './anomalies.js';
import { bandChart, reading } from './bandchart.js';
import { icon, spanBar } from './charts.js';
import { stateOf } from './channels.js';
import { forecastPanel } from './forecast.js';
import { known, msUnit, percent } from './format.js';
import { coded, has, language, rich, t } from './i18n.js';
import { decisionRows } from './journal.js';
import { inWords } from './phrases.js';
import { trackPanel } from './track.js';

const COLOURS = { act: 'info', bad: 'bad', warn: 'warn', ok: 'ok', off: 'off', idle: 'off' };

/** What the chart needs, from the detail if it is there and else from the sparkline: no empty moment. */
export function chartModel(channel, sparks, detail) {
  if (detail?.id === channel.id) {
    return { ...detail, anomalies: detail.anomalies ?? [], decisions: detail.decisions ?? [] };
  }
  const spark = sparks?.channels[channel.id] ?? { values: [], mean: [], lower: [], upper: [] };
  const { at, step_s } = sparks ?? { at: 0, step_s: 60 };
  const start_at = at - spark.values.length * step_s;
  const forecast = spark.mean.length ? { origin_at: at, step_s, coverage: null, model: '', ...spark } : null;
  return { id: channel.id, limit_s: channel.limit_s, at, step_s, start_at, values: spark.values, forecast, past: null, anomalies: [], decisions: [] };
}

export function detailCard(channel, detail, geo, cursor, record) {
  const state = stateOf(channel);
  const mine = detail?.id === channel.id ? detail : null;
  return [
    h('header', {},
      h('h2', { class: 'nm' }, channel.id),
      h('span', { class: 'sub' }, `${channel.cloud} · ${channel.region} · ${channel.model}`),
      h('span', { class: `right chip ${COLOURS[state]}` }, icon(state, 'mini'), t(`state.${state}`))),
    h('div', { class: 'body' },
      channel.why && h('p', { class: 'because' }, inWords(channel.why.detail)),
      h('figure', { class: 'fig' },
        h('div', slider(channel, geo, cursor), bandChart(geo)),
        h('figcaption', { class: 'lgd' }, legend(geo))),
      mine && forecastPanel(mine),
      mine && trackPanel(record, channel.id),
      mine && anomalyList(mine),
      h('div', { class: 'why' },
        h('h3', {}, t('why.share', { share: percent(channel.share) })),
        mine ? factors(mine) : h('p', { class: 'note' }, t('loading'))),
      mine && recent(mine)),
  ];
}

/** The chart reads like a slider over time: arrow keys move, the value is spoken. */
function slider(channel, geo, cursor) {
  const summary = t('chart.summary', {
    channel: channel.id, now: msUnit(channel.now_s), in15: msUnit(channel.in15_s), in60: msUnit(channel.in60_s), limit: msUnit(channel.limit_s),
  });
  return {
    class: 'hot', id: 'hot', tabindex: 0, role: 'slider', 'aria-label': summary,
    'aria-valuemin': 1 - geo.past, 'aria-valuemax': geo.ahead,
    'aria-valuenow': cursor ?? 0, 'aria-valuetext': reading(geo, cursor ?? 0).text,
  };
}

const swatch = (...shapes) => h('svg', { viewBox: '0 0 20 10', 'aria-hidden': 'true' }, ...shapes);

function legend(geo) {
  const { model } = geo;
  const coverage = model.forecast?.coverage;
  const item = (text, ...shapes) => h('span', {}, swatch(...shapes), text);
  return [
    item(t('actual'), h('path', { class: 'obs', d: 'M0 6h20' })),
    model.forecast && item(known(coverage) ? t('expected.band', { coverage: percent(coverage) }) : t('expected'),
      h('rect', { class: 'b80', x: 0, y: 1, width: 20, height: 8 }), h('path', { class: 'fcl', d: 'M0 5h20' })),
    model.forecast?.lower95?.length > 0 && item(t('expected.wide'), h('rect', { class: 'b95', x: 0, y: 0, width: 20, height: 10 })),
    model.past && item(t('predicted'), h('path', { class: 'past', d: 'M0 7l6-3 7 2 7-3' })),
    model.anomalies.length > 0 && item(t('anomaly'), h('circle', { class: 'anom', cx: 10, cy: 5, r: 3.6 })),
    model.decisions.length > 0 && item(t('decision'), h('path', { class: 'evtf', d: 'M10 8l-4.500 -6h9z' })),
  ];
}

/** A waterfall from the configured share to today's: every step says what moved it. */
function factors(detail) {
  const steps = detail.why_share.filter((step) => step.factor !== 'configured');
  const configured = detail.why_share.find((step) => step.factor === 'configured');
  const start = detail.configured_share ?? 0;
  const max = Math.max(0.01, start, detail.share ?? 0, ...running(start, steps)) * 1.04;
  let at = start;
  return h('div', { class: 'fac' },
    factorRow(t('factor.configured'), spanBar(0, start, max, 'line2f'), percent(start), configured?.detail),
    steps.map((step) => {
      const from = at;
      at += step.effect;
      const sign = step.effect < 0 ? '−' : '+';
      return factorRow(factorName(step.factor), spanBar(from, at, max, step.effect < 0 ? 'bad' : 'okf'),
        `${sign}${percent(Math.abs(step.effect))}`, step.detail);
    }),
    factorRow(t('factor.now'), spanBar(0, detail.share ?? 0, max, 'inkf'), percent(detail.share),
      steps.length === 0 ? t('factor.unmoved') : ''));
}

/** Steps that stand for a reason share its name. */
const factorName = (factor) => coded(has(`factor.${factor}`) ? 'factor' : 'code', factor);

function running(start, steps) {
  let at = start;
  return steps.map((step) => (at += step.effect));
}

function factorRow(name, bar, value, detail) {
  const words = inWords(detail ?? '');
  return [h('span', { class: 'f-name' }, name), bar, h('b', { class: 'f-val num' }, value),
    h('span', { class: 'f-say', lang: words === detail && language() === 'ko' ? 'en' : null, title: words }, words)];
}

function recent(detail) {
  const rows = decisionRows(detail.decisions ?? [], detail.at, { limit: 4, channel: detail.id });
  return h('div', { class: 'dec' }, h('h3', { class: 'h3' }, t('dec.recent')),
    rows.length ? h('ol', { class: 'log num' }, rows) : h('p', { class: 'note' }, rich('dec.none3h')));
}
