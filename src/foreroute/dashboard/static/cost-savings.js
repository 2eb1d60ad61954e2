// What steering saves, measured against the requests that were held out: the card.

import { h } from './dom.js';
import { ApiError, get } from './api.js';
import { NONE, count, known, percent, usd } from './format.js';
import { rich, t } from './i18n.js';

/** {row, refusal}: one of them is null. */
export async function loadSavings() {
  try {
    return { row: await get('/api/cost/savings'), refusal: null };
  } catch (error) {
    return { row: null, refusal: error instanceof ApiError ? error.message : null };
  }
}

export function savingsCard({ row, refusal }) {
  return [
    h('header', {}, h('h2', {}, t('cost.savings')), h('span', { class: 'sub' }, t('cost.savings.sub'))),
    h('div', { class: 'body' }, row === null ? h('p', { class: 'note' }, refusal ?? t('cost.savings.none')) : measured(row)),
  ];
}

function measured(row) {
  const { net_usd: net, gross_usd: gross, change } = row;
  if (net === null) {
    return h('p', { class: 'note' }, t(row.requests + row.requests_control > 0 ? 'cost.savings.few' : 'cost.savings.none'));
  }
  const lines = [
    ['gross', usd(gross.value)], ['probes', usd(row.probes_usd)], ['hedges', usd(row.hedges_usd)],
    ['running', usd(row.running_usd)], ['spent', usd(row.spent_usd)],
    known(row.roi) && ['roi', percent(row.roi)],
    known(row.payback_days) && ['payback', t('cost.savings.days', { n: row.payback_days.toFixed(1) })],
  ].filter(Boolean);
  return [
    h('p', { class: 'big' }, rich('cost.savings.big', { net: usd(net.value) }, 'span', { class: 'fc' })),
    h('p', {}, t('cost.savings.between', { lower: usd(net.lower), upper: usd(net.upper) })),
    !row.is_sure && h('p', { class: 'warned' }, t('cost.savings.chance')),
    h('p', {}, change === null ? NONE : t('cost.savings.change', {
      value: signed(change.value), lower: signed(change.lower), upper: signed(change.upper),
    })),
    h('table', { class: 'cost' }, h('tbody', {}, lines.map(([name, value]) => h('tr', {},
      h('td', { class: 'name' }, t(`cost.savings.${name}`)), h('td', {}, value))))),
    h('p', { class: 'note' }, t('cost.savings.counted', { steered: count(row.requests), control: count(row.requests_control) })),
  ];
}

const signed = (ratio) => `${ratio > 0 ? '+' : '−'}${percent(Math.abs(ratio), 1)}`;
