// The record of the selected channel's forecasts over a day: what was said, beside what came.

import { h } from './dom.js';
import { line } from './charts.js';
import { count, known, percent, span } from './format.js';
import { coded, has, t } from './i18n.js';

export function trackPanel(record, channel) {
  const mine = record?.series.filter((one) => one.channel === channel && one.scores.length > 0) ?? [];
  if (mine.length === 0) return null;
  return h('div', { class: 'scroll' }, h('table', { class: 'rec track-rec' },
    h('caption', {}, t('track')),
    h('thead', {}, h('tr', {}, ['of', 'last', 'relative', 'band', 'trend', 'graded']
      .map((name) => h('th', { scope: 'col', class: name === 'graded' ? 'opt' : null }, t(`track.${name}`))))),
    mine.map((series) => h('tbody', { key: series.metric },
      h('tr', {}, h('th', { scope: 'rowgroup', colspan: 6, class: 'of' }, coded('alert.metric', series.metric))),
      series.scores.map(row)))));
}

function row(one) {
  const better = one.relative_mae !== null && one.relative_mae < 1;
  return h('tr', {},
    h('th', { scope: 'row' }, ofWhat(one)),
    h('td', { class: better ? 'yes' : '' }, known(one.relative_mae) ? `${one.relative_mae.toFixed(2)}×` : '–'),
    h('td', {}, known(one.floor_ratio) ? t('track.floor', { error: percent(one.mape), floor: percent(one.floor_ratio) }) : percent(one.mape)),
    h('td', {}, percent(one.coverage80)),
    h('td', {}, trend(one)),
    h('td', { class: 'opt' }, count(one.graded)));
}

function ofWhat(one) {
  const [group, other] = one.target === 'mean' ? ['next', 'next.other'] : ['ahead', 'ahead.other'];
  return has(`${group}.${one.horizon_s}`) ? t(`${group}.${one.horizon_s}`) : t(other, { span: span(one.horizon_s) });
}

/** Skill over the day; the line in the middle is the last value's. */
function trend(one) {
  const [width, height] = [60, 16];
  if (one.trend.length < 2) return h('span', { class: 'muted' }, t(`trend.${one.direction}`));
  const xs = one.trend.map((_, i) => (i / (one.trend.length - 1)) * width);
  const ys = one.trend.map(({ skill }) => height / 2 - Math.max(-1, Math.min(1, skill)) * (height / 2 - 1));
  return [
    h('svg', { class: 'skill', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': t(`trend.${one.direction}`) },
      h('path', { class: 'zero', d: `M0 ${height / 2}H${width}` }),
      h('path', { class: 'fcl thin', d: line(xs, ys) })),
  ];
}
