// Five figures, each with what comes next.

import { h } from './dom.js';
import { meter } from './charts.js';
import { NONE, availability, count, duration, errors, known, ms, msUnit, percent, usd } from './format.js';
import { rich, t } from './i18n.js';
import { tightest } from './money.js';

export function kpiStrip(status) {
  return [latency(status), uptime(status), spend(status), accuracy(status), recovery(status)];
}

function kpi(name, value, bar, note) {
  return h('div', { class: 'kpi' },
    h('h2', {}, t(name)), h('div', { class: 'v num' }, value), bar ?? h('div', { class: 'meter none' }), h('p', { class: 'n' }, note));
}

/** A number and its unit in smaller type. */
function withUnit(text) {
  const match = /^(.*?\d)\s*([^\d.,]+)$/.exec(text);
  return match ? [match[1], ' ', h('small', {}, match[2])] : [text];
}

function latency({ totals }) {
  const { now_s: now, in15_s: in15, in60_s: in60, limit_s: limit } = totals;
  if (!known(now)) return kpi('kpi.latency', NONE, null, t('kpi.latency.none'));
  const next = known(in60) && [' ', h('span', { class: 'fc' }, t('kpi.in60', { value: ms(in60) }))];
  const expected = known(in60) ? Math.max(in60, in15 ?? 0) : null;
  const bar = known(limit) ? meter({ value: now, expected, limit, max: Math.max(limit * 1.15, now, expected ?? 0) }) : null;
  const values = { in15: msUnit(in15), limit: msUnit(limit) };
  const note = known(in15) ? (known(limit) ? 'kpi.latency.next' : 'kpi.latency.nolimit') : known(limit) ? 'kpi.latency.cold' : 'kpi.latency.bare';
  return kpi('kpi.latency', [withUnit(msUnit(now)), next], bar, rich(note, values));
}

function uptime({ totals, channels }) {
  if (!known(totals.failure_ratio)) return kpi('kpi.up', NONE, null, t('kpi.up.none'));
  const worst = channels.filter((c) => c.failure_ratio > 0).sort((a, b) => b.failure_ratio - a.failure_ratio)[0];
  const note = worst
    ? rich('kpi.up.worst', { failed: errors(totals.failure_ratio), channel: worst.id, share: errors(worst.failure_ratio) })
    : t('kpi.up.all');
  return kpi('kpi.up', [availability(totals.failure_ratio), h('small', {}, ' %')], null, note);
}

function spend(status) {
  const budget = tightest(status.budgets);
  if (!budget) return kpi('kpi.spend', NONE, null, t('kpi.spend.none'));
  const [spent, limit, projected] = [budget.spent_usd, budget.limit_usd, budget.projected_usd].map(Number);
  const bar = meter({ value: spent, expected: projected, limit, max: Math.max(limit, projected) * 1.08 });
  const note = rich(projected > limit ? 'kpi.spend.over' : 'kpi.spend.next', { projected: usd(projected), limit: usd(limit) });
  return kpi('kpi.spend', usd(spent), bar, note);
}

function accuracy({ forecast_record: record }) {
  const { graded, mean_absolute_error: error, naive_mean_absolute_error: naive } = record;
  if (!known(error) || !graded) return kpi('kpi.accuracy', NONE, null, t(record.made ? 'kpi.accuracy.wait' : 'kpi.accuracy.none'));
  const gain = known(naive) && naive > 0 ? 1 - error / naive : null;
  const bar = known(naive) && naive > 0
    ? meter({ value: error, limit: naive, max: Math.max(error, naive) * 1.3, kind: gain >= 0 ? 'okf' : 'bad', mark: 'inkf' }) : null;
  const key = gain === null ? 'kpi.accuracy.bare' : gain >= 0 ? 'kpi.accuracy.better' : 'kpi.accuracy.worse';
  return kpi('kpi.accuracy', withUnit(msUnit(error)), bar, rich(key, { gain: percent(Math.abs(gain ?? 0)), naive: msUnit(naive), n: count(graded) }));
}

function recovery({ incidents }) {
  const closed = incidents.filter((incident) => known(incident.time_to_recover_s));
  const open = incidents.filter((incident) => incident.state !== 'closed').length;
  if (closed.length === 0) return kpi('kpi.mttr', NONE, null, t(open ? 'kpi.mttr.first' : 'kpi.mttr.none'));
  const times = closed.map((incident) => incident.time_to_recover_s);
  const mean = times.reduce((a, b) => a + b, 0) / times.length;
  const longest = Math.max(...times);
  const bar = closed.length > 1 ? meter({ value: mean, limit: longest, max: longest * 1.05, kind: 'okf', mark: 'inkf' }) : null;
  const key = open ? 'kpi.mttr.open' : closed.length > 1 ? 'kpi.mttr.n' : 'kpi.mttr.one';
  return kpi('kpi.mttr', withUnit(duration(mean)), bar, rich(key, { n: closed.length, open, longest: duration(longest) }));
}
