// What was unusual about the selected channel of late: one line for each episode, whatever was measured.

import { h } from './dom.js';
import { duration, inUnit, known, when } from './format.js';
import { coded, t } from './i18n.js';

const SHOWN = 5;

export function anomalyList(detail) {
  const episodes = episodesOf(detail.anomalies ?? [], detail.at, detail.step_s);
  if (episodes.length === 0) return null;
  return h('div', { class: 'dec odd-list' },
    h('h3', { class: 'h3' }, t('odd')),
    h('ol', { class: 'log num' }, episodes.slice(0, SHOWN).map((one) => row(one, detail.at))),
    episodes.length > SHOWN && h('p', { class: 'note' }, t('odd.more', { n: episodes.length - SHOWN })));
}

/** Windows of one metric that belong together; what the newest of them says is what the episode is. Newest first. */
function episodesOf(anomalies, now, stepS) {
  const found = new Map();
  for (const one of [...anomalies].sort((a, b) => a.at - b.at)) {
    const since = one.since_at ?? one.at;
    const key = `${one.metric}/${since}`;
    const before = found.get(key);
    const worst = before && Math.abs(before.worst.value - before.worst.expected) > Math.abs(one.value - one.expected) ? before.worst : one;
    found.set(key, { key, since, until: one.at + stepS, newest: one, worst, goesOn: now - one.at < 1.5 * stepS });
  }
  return [...found.values()].sort((a, b) => b.newest.at - a.newest.at);
}

function row({ key, since, until, newest, worst, goesOn }, now) {
  const took = duration(until - since);
  return h('li', { key },
    h('time', { class: 't' }, when(since, now)),
    h('div', { class: 'what' },
      h('p', {},
        h('b', {}, coded('alert.metric', newest.metric)), ' ',
        h('span', { class: `chip ${goesOn ? 'bad' : 'off'}` }, coded('alert.kind', newest.kind ?? 'spike')), ' ',
        h('span', { class: 'muted' }, t(goesOn ? 'alert.for' : 'alert.lasted', { took }))),
      known(worst.expected) && h('p', { class: 'detail' },
        t('odd.value', { value: inUnit(newest.metric, worst.value), usual: inUnit(newest.metric, worst.expected) }))));
}
