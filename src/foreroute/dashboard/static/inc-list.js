// The figures of the last thirty days and the list of incidents.

import { h } from './dom.js';
import { icon, meter } from './charts.js';
import { NONE, count, when } from './format.js';
import { rich, t } from './i18n.js';
import { chipOf, markOf, stateWord, took, whatOf } from './inc-words.js';

export function kpiStrip(summary) {
  const { user, channel, foreseen } = summary;
  const days = Math.round(summary.within_s / 86400);
  return [
    kpi('ic.k.open', count(summary.open), null, t('ic.k.open.n', { n: count(summary.closed), days, again: count(summary.recurrences) })),
    clockKpi('ic.k.user', user),
    clockKpi('ic.k.channel', channel),
    kpi('ic.k.lost', count(summary.lost), null, rich('ic.k.lost.n', { n: count(summary.rescued) })),
    kpi('ic.k.foreseen', count(foreseen.prevented), null, t('ic.k.foreseen.n', {
      came: count(foreseen.came_through), false: count(foreseen.false_alarm), open: count(foreseen.pending), no: count(foreseen.ungradable),
    })),
  ];
}

function clockKpi(name, clock) {
  if (!clock.measured) return kpi(name, NONE, null, t('ic.k.none'));
  const bar = clock.measured > 1 ? meter({ value: clock.median_s, limit: clock.mean_s, max: Math.max(1, clock.median_s, clock.mean_s) * 1.15, kind: 'okf', mark: 'inkf' }) : null;
  return kpi(name, took(clock.median_s), bar, t(`${name}.n`, { mean: took(clock.mean_s), n: count(clock.measured), of: count(clock.of) }));
}

function kpi(name, value, bar, note) {
  return h('div', { class: 'kpi' }, h('h2', {}, t(name)), h('div', { class: 'v num' }, value), bar ?? h('div', { class: 'meter none' }), h('p', { class: 'n' }, note));
}

export function listCard({ at, incidents }, selected) {
  return [
    h('header', {}, h('h2', {}, t('ic.list')), h('span', { class: 'sub' }, t('ic.list.sub'))),
    incidents.length === 0
      ? h('div', { class: 'body' }, h('p', { class: 'note' }, t('inc.none')))
      : h('ol', { class: 'runs' }, incidents.map((one) => item(one, selected, at))),
  ];
}

function item(incident, selected, now) {
  const on = incident.id === selected;
  return h('li', { key: incident.id, class: on ? 'on' : null },
    h('button', { type: 'button', class: 'pick', 'data-pick': incident.id, 'aria-current': on ? 'true' : null },
      h('span', { class: 'one' }, h('b', {}, icon(markOf(incident), 'mini'), ' ', whatOf(incident)), h('span', { class: `chip ${chipOf(incident)}` }, stateWord(incident))),
      h('span', { class: 'two num' }, facts(incident, now).join(' · '))));
}

function facts(incident, now) {
  const lasted = incident.closed_at === null ? t('ic.row.for', { took: took(now - incident.opened_at) }) : t('ic.row.took', { took: took(incident.time_to_recover_s) });
  const losses = incident.lost > 0 ? t('ic.row.lost', { n: count(incident.lost) }) : t('ic.row.quiet');
  return [
    when(incident.opened_at, now), lasted, losses,
    incident.rescued > 0 && t('ic.row.rescued', { n: count(incident.rescued) }),
    incident.recurrence_of && t('ic.row.again'),
  ].filter(Boolean);
}
