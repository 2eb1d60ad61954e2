// The table of channels, grouped by what is being done about them.

import { h } from './dom.js';
import { icon, quantile, shareBar, sparkline } from './charts.js';
import { NONE, errors, known, ms, percent, points, usdPerThousand } from './format.js';
import { t } from './i18n.js';

const GROUPS = ['acted', 'watching', 'healthy', 'out'];
const TROUBLE_NOW = new Set(['failing', 'slow']);

/** The one word for a channel: its mark, its label, its colour. */
export function stateOf(channel) {
  if (channel.group === 'out') return channel.share > 0 ? 'bad' : 'off';
  if (TROUBLE_NOW.has(channel.why?.code) || channel.health === 'poor' || channel.health === 'offline') return 'bad';
  if (channel.group === 'acted') return 'act';
  if (channel.group === 'watching') return 'warn';
  return channel.health === 'unknown' ? 'idle' : 'ok';
}

/** Channels in the order of the table, which J and K follow. */
export function inOrder(channels) {
  return GROUPS.flatMap((group) => channels.filter((channel) => channel.group === group));
}

export const over = (value, limit) => known(value) && known(limit) && value > limit;

export function channelTable(status, sparks, selected) {
  const top = sharedTop(status.channels, sparks);
  const shareMax = Math.max(0.01, ...status.channels.flatMap((c) => [c.share ?? 0, (c.share ?? 0) - (c.share_change ?? 0)]));
  const rows = GROUPS.flatMap((group) => {
    const members = status.channels.filter((channel) => channel.group === group);
    if (members.length === 0) return [];
    return [groupRow(group, members.length), ...members.map((c) => row(c, sparks?.channels[c.id], { top, shareMax, selected }))];
  });
  return [
    h('header', {}, h('h2', {}, t('chs')), h('span', { class: 'sub' }, t('chs.sub'))),
    h('table', { class: 'tbl' },
      h('caption', { class: 'sr' }, `${t('chs')}. ${t('chs.sub')}`),
      h('colgroup', {}, ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8'].map((name) => h('col', { class: name }))),
      h('thead', {}, h('tr', {},
        h('th', { scope: 'col' }, t('col.channel')),
        h('th', { scope: 'col', class: 'l k2' }, t('col.spark')),
        h('th', { scope: 'col' }, t('col.now')),
        h('th', { scope: 'col' }, t('in15.short')),
        h('th', { scope: 'col', class: 'k5' }, t('in60.short')),
        h('th', { scope: 'col', class: 'opt' }, t('col.errors')),
        h('th', { scope: 'col', class: 'opt' }, t('col.usd')),
        h('th', { scope: 'col' }, t('col.share')))),
      h('tbody', {}, rows)),
  ];
}

/** One scale for all rows, so that rows can be compared and 3 ms never look like a cliff. */
function sharedTop(channels, sparks) {
  const limit = Math.max(0, ...channels.map((c) => c.limit_s).filter(known));
  const seen = channels.flatMap((c) => {
    const spark = sparks?.channels[c.id];
    return spark ? [quantile(spark.values, 0.98), quantile(spark.mean, 1)] : [];
  });
  const highest = Math.max(0.001, ...seen.filter(known));
  return limit > 0 ? Math.max(limit * 1.2, Math.min(highest * 1.05, limit * 2.5)) : highest * 1.1;
}

const groupRow = (group, size) =>
  h('tr', { key: `group ${group}`, class: 'grp' }, h('th', { colspan: 8, scope: 'rowgroup' }, `${t(`group.${group}`)}, ${size}`));

function row(channel, spark, { top, shareMax, selected }) {
  const state = stateOf(channel);
  const on = channel.id === selected;
  const limit = channel.limit_s;
  const value = (seconds, name) =>
    h('td', { class: `${name} ${over(seconds, limit) ? 'over' : ''}` }, ms(seconds));
  return h('tr', { key: `row ${channel.id}`, class: on ? 'row on' : 'row', 'data-channel': channel.id },
    h('td', {}, h('button', { type: 'button', class: 'ch', 'aria-pressed': String(on) },
      icon(state),
      h('span', { class: 'sr' }, `${t(`state.${state}`)}: `),
      h('span', { class: 'names' },
        h('span', { class: 'm', title: channel.id }, channel.id),
        h('span', { class: 'r', title: channel.model }, `${channel.region} · ${channel.model}`)))),
    h('td', { class: 'k2' }, spark ? sparkline(spark, limit, top) : null),
    value(channel.now_s, ''),
    value(channel.in15_s, 'f'),
    value(channel.in60_s, 'f k5'),
    h('td', { class: `opt ${channel.failure_ratio > 0.05 ? 'over' : ''}` }, errors(channel.failure_ratio)),
    h('td', { class: known(channel.usd_per_request) ? 'opt' : 'opt quiet', title: known(channel.usd_per_request) ? null : t('unpriced.why') },
      known(channel.usd_per_request) ? usdPerThousand(channel.usd_per_request) : t('unpriced')),
    h('td', {}, shareCell(channel, shareMax)));
}

function shareCell(channel, shareMax) {
  const share = channel.share ?? 0;
  const change = channel.share_change ?? 0;
  const text = points(change);
  const kind = text === '' ? '' : change > 0 ? 'up' : 'dn';
  return h('span', { class: 'w' },
    shareBar(share, share - change, shareMax),
    h('b', {}, known(channel.share) ? percent(share) : NONE),
    h('span', { class: `d ${kind}` }, text,
      text !== '' && h('span', { class: 'sr' }, ` ${t('against.configured')}`)));
}
