// What is expected of the selected channel, how good that has been so far, and whose word counts.

import { h } from './dom.js';
import { spanBar } from './charts.js';
import { count, known, ms, msUnit, percent, span } from './format.js';
import { has, rich, t } from './i18n.js';

const EXPERTS_SHOWN = 5;
const WITH_SPAN = /^(average|per_request|median)_(\d+)$/;

export function forecastPanel(detail) {
  const { forecast, standings } = detail;
  if (!forecast) return h('p', { class: 'note' }, t('record.cold'));
  const graded = standings.some((one) => one.outcomes > 0);
  return [
    h('div', { class: 'next' }, horizonsOf(forecast.windows).map((horizon) => figures(forecast.windows, horizon))),
    graded ? record(standings) : h('p', { class: 'note' }, t('record.none')),
    h('p', { class: 'note' }, floor(forecast.windows)),
    graded && votes(standings),
    experts(detail),
  ];
}

const horizonsOf = (rows) => [...new Set(rows.map((row) => row.horizon_s))];
const named = (group, horizon) => (has(`${group}.${horizon}`) ? t(`${group}.${horizon}`) : t(`${group}.other`, { span: span(horizon) }));
const nextOf = (horizon) => named('next', horizon);
const inOf = (horizon) => named('ahead', horizon);

/** The mean over the horizon is the figure; the single minute at its end stands below. */
function figures(windows, horizon) {
  const of = (target) => windows.find((one) => one.target === target && one.horizon_s === horizon);
  const [mean, point] = [of('mean'), of('point')];
  return h('div', {},
    h('h3', {}, t('next.mean', { next: nextOf(horizon) })),
    h('p', { class: 'v' }, msUnit(mean?.value)),
    h('p', {}, t('next.80', between(mean?.lower80, mean?.upper80))),
    h('p', {}, t('next.95', between(mean?.lower95, mean?.upper95))),
    h('p', { class: 'muted' }, t('next.end', { value: msUnit(point?.value), ...between(point?.lower80, point?.upper80) })));
}

const between = (lower, upper) => ({ lower: ms(lower), upper: msUnit(upper) });

function record(standings) {
  const columns = ['ahead', 'error', 'naive', 'relative', 'band', 'graded'];
  return h('div', { class: 'scroll' }, h('table', { class: 'rec' },
    h('caption', {}, t('record')),
    h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col', class: name === 'relative' ? 'opt' : null }, t(`record.${name}`))))),
    h('tbody', {}, standings.filter((one) => one.outcomes > 0).map((one) => h('tr', {},
      h('th', { scope: 'row' }, one.target === 'mean' ? nextOf(one.horizon_s) : inOf(one.horizon_s)),
      h('td', { class: one.skill > 0 ? 'yes' : '' }, msUnit(one.mean_absolute_error)),
      h('td', {}, msUnit(one.naive_mean_absolute_error)),
      h('td', { class: 'opt' }, percent(one.mape)),
      h('td', {}, t('record.held', { narrow: percent(one.coverage80), wide: percent(one.coverage95) })),
      h('td', {}, count(one.outcomes)))))));
}

/** Nobody can be nearer than the outcome is measured. */
function floor(windows) {
  const mean = windows.find((one) => one.target === 'mean');
  const point = windows.find((one) => one.target === 'point');
  if (!known(mean?.floor_ratio) || !known(point?.floor_ratio)) return t('floor.unknown');
  return rich('floor', {
    minute: percent(point.floor_ratio), mean: percent(mean.floor_ratio, mean.floor_ratio < 0.0995 ? 1 : 0), span: span(mean.horizon_s), n: count(Math.round(mean.n_effective)),
  });
}

/** Shares move by what is expected at a horizon: that is what has to earn its vote. */
function votes(standings) {
  const points = standings.filter((one) => one.target === 'point');
  const mute = points.filter((one) => !one.has_vote);
  if (mute.length === 0) return h('p', { class: 'note vote' }, t('vote.all'));
  return mute.map((one) => h('p', { class: 'note vote warned' },
    t(`novote.${one.no_vote}`, { ahead: inOf(one.horizon_s), n: count(one.outcomes) })));
}

function experts(detail) {
  const standing = detail.standings.find((one) => one.target === 'mean' && one.experts.length > 0);
  if (!standing) return null;
  const shown = standing.experts.slice(0, EXPERTS_SHOWN);
  const rest = 1 - shown.reduce((sum, one) => sum + one.weight, 0);
  const max = Math.max(shown[0].weight, rest);
  return h('div', { class: 'why experts' },
    h('h3', {}, t('experts', { next: nextOf(standing.horizon_s) })),
    h('div', { class: 'bars num' },
      shown.map((one) => expert(expertName(one.name, detail.step_s), one.weight, max, one.mean_absolute_error)),
      rest > 0.005 && expert(t('expert.rest'), rest, max, null, 'line2f')));
}

function expert(name, weight, max, error, kind = 'fcf') {
  return [
    h('span', { class: 'b-name', title: name }, name),
    spanBar(0, weight, max, kind),
    h('b', {}, percent(weight)),
    h('span', { class: 'muted' }, known(error) ? t('expert.error', { error: msUnit(error) }) : ''),
  ];
}

/** `average_15` is an average with a memory of fifteen steps. A plug-in that is not known here keeps its own name. */
function expertName(name, stepS) {
  const found = WITH_SPAN.exec(name);
  if (found) return t(`expert.${found[1]}`, { span: span(Number(found[2]) * stepS) });
  return has(`expert.${name}`) ? t(`expert.${name}`) : name;
}
