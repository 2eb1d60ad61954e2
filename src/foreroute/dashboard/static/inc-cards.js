// One incident: its story, its cause, what users felt, what was done, how to undo it, and what people noted.

import { h } from './dom.js';
import { icon } from './charts.js';
import { count, known, percent, when } from './format.js';
import { coded, language, rich, t } from './i18n.js';
import { inWords } from './phrases.js';
import { courseChart } from './inc-chart.js';
import { chipOf, phasesOf, stateWord, took, whatOf } from './inc-words.js';

const second = (at) => new Date(at * 1000).toISOString().slice(11, 19);

export function storyCard({ at, incident, course }, width) {
  return [
    h('header', {}, h('h2', {}, whatOf(incident)), h('span', { class: `chip ${chipOf(incident)}` }, stateWord(incident)),
      h('span', { class: 'sub' }, t('ic.story.sub', { when: `${when(incident.opened_at, at)}:${second(incident.opened_at).slice(6)}` })),
      h('span', { class: 'right ref' }, h('code', {}, incident.id))),
    h('div', { class: 'body' },
      sentences(incident).map((words) => h('p', { class: 'said' }, words)),
      h('ol', { class: 'phases', 'aria-label': t('ic.story') }, phasesOf(incident).map(phase)),
      h('div', { class: 'fig' }, courseChart(course, incident, width)),
      footnotes(incident)),
  ];
}

function sentences(incident) {
  const { felt, user_s: user, channel_s: channel, outcome } = incident;
  const found = outcome ? [rich(`ic.out.${outcome}`)] : [];
  if (incident.phases.first_bad_at === null) return found;
  found.push(rich(incident.closed_at === null ? 'ic.say.open' : 'ic.say.over', {
    lost: count(felt.lost), requests: count(felt.requests), rescued: count(felt.rescued),
    user: !known(user) ? t('ic.say.user.unknown') : user === 0 ? t('ic.say.user.none') : t('ic.say.user', { took: took(user) }),
    channel: known(channel) ? t('ic.say.channel', { took: took(channel) }) : t('ic.say.channel.none'),
  }));
  return found;
}

function phase({ name, at, seconds, state }) {
  const of = t(`ic.phase.${name}.of`);
  const none = name === 'detect' ? t('ic.phase.none') : t(`ic.phase.none.${name}`);
  return h('li', { class: state },
    h('h3', {}, t(`ic.phase.${name}`)),
    state === 'done'
      ? [h('div', { class: 'took' }, took(seconds)), h('p', {}, t('ic.phase.at', { when: second(at), of }))]
      : [h('div', { class: 'took small' }, state === 'none' ? none : t('ic.phase.now')), h('p', {}, of)]);
}

function footnotes(incident) {
  const notes = [];
  if (known(incident.foreseen_at)) {
    const detail = inWords(incident.outcome_detail);
    notes.push(t('ic.say.foreseen', { when: second(incident.foreseen_at), detail }));
  }
  if (incident.recurrence_of) notes.push([t('ic.again', { n: count(incident.recurrences + 1) }), ' ', link(incident.recurrence_of)]);
  if (incident.relapses > 0) notes.push(t('ic.relapses', { n: count(incident.relapses) }));
  if (incident.merged_into) notes.push([t('ic.merged'), ' ', link(incident.merged_into)]);
  if (incident.closed_by) notes.push(t('ic.by', { by: incident.closed_by }));
  return notes.map((note) => h('p', { class: 'note' }, note));
}

const link = (id) => h('a', { href: `#${encodeURIComponent(id)}` }, id);

export function causeCard(incident) {
  const { members, patterns } = incident;
  const isMixed = new Set(members.map((one) => one.kind)).size > 1;
  const isWorded = inWords(incident.evidence) !== incident.evidence || language() === 'en';
  return [
    h('header', {}, h('h2', {}, t('ic.cause')), h('span', { class: 'sub' }, coded('cause', incident.root_cause)),
      known(incident.probability) && h('span', { class: 'right code plain' }, t('ic.cause.sure', { p: percent(incident.probability) }))),
    h('div', { class: 'body' },
      h('dl', { class: 'facts' },
        h('dt', {}, t('ic.cause.members')), h('dd', {}, incident.channels.join(', ')),
        incident.evidence && [h('dt', {}, t('ic.cause.evidence')), h('dd', { lang: isWorded ? null : 'en' }, inWords(incident.evidence))]),
      isMixed && h('ol', { class: 'pats' }, members.map((one) => h('li', { key: `${one.channel}/${one.kind}` },
        h('b', {}, percent(one.probability)), h('span', {}, `${one.channel}: ${coded('cause', one.kind)}`)))),
      patterns.length > 0 && h('div', { class: 'pats' }, h('p', { class: 'note' }, t('ic.cause.pats')),
        h('ol', { lang: 'en' }, patterns.map((one) => h('li', { key: one.id }, h('b', {}, `${count(one.count)} ×`), h('code', { title: one.id }, one.text)))))),
  ];
}

export function feltCard(incident) {
  const { felt } = incident;
  const row = (name, value) => [h('dt', {}, t(`ic.felt.${name}`)), h('dd', {}, value)];
  const shares = known(incident.share_before) && row('share', t('ic.felt.share.of', { before: percent(incident.share_before, 1), least: percent(incident.share_least, 1) }));
  return [
    h('header', {}, h('h2', {}, t('ic.felt'))),
    h('div', { class: 'body' }, h('dl', { class: 'facts' },
      row('user', incident.user_s === 0 ? t('ic.felt.user.none') : took(incident.user_s)),
      row('channel', took(incident.channel_s)),
      row('requests', count(felt.requests)),
      row('lost', count(felt.lost)),
      row('rescued', felt.rescued > 0 ? t('ic.felt.rescued.of', { n: count(felt.rescued), took: took(felt.waited_mean_s) }) : count(0)),
      row('late', count(felt.late)),
      row('attempts', count(felt.failed_attempts)),
      row('keys', felt.keys.length ? felt.keys.slice(0, 8).join(', ') + (felt.keys.length > 8 ? ` +${felt.keys.length - 8}` : '') : t('ic.felt.keys.none')),
      shares)),
  ];
}

export function doneCard({ acts }) {
  return [
    h('header', {}, h('h2', {}, t('ic.done')), h('span', { class: 'sub' }, t('ic.done.sub'))),
    h('div', { class: 'body', tabindex: 0, role: 'group', 'aria-label': t('ic.done') },
      acts.length === 0 ? h('p', { class: 'note' }, t('ic.done.none')) : h('ol', { class: 'log acts-log num' }, acts.map(actRow))),
  ];
}

function actRow(act) {
  const why = inWords(act.why);
  return h('li', { key: `${act.id}/${act.applied}`, class: act.applied ? '' : 'idea' },
    h('time', { class: 't' }, second(act.at)),
    h('div', { class: 'what' },
      h('p', {}, h('span', { class: 'code' }, t(`ic.act.${act.kind}`)), ' ',
        !act.applied && [h('span', { class: 'code plain' }, t('ic.act.proposed')), ' '],
        h('span', {}, act.what.split('; ').map(inWords).join('; '))),
      why && h('p', { class: 'detail', lang: why === act.why && language() === 'ko' ? 'en' : null }, why),
      act.undo && h('p', { class: 'detail', lang: language() === 'ko' ? 'en' : null }, t('ic.act.undo', { how: act.undo })),
      h('p', { class: 'ref' }, h('code', {}, act.id))));
}

export function undoCard({ incident, undo }, armed) {
  return [
    h('header', {}, h('h2', {}, t('ic.undo'))),
    h('div', { class: 'body' },
      undo.length === 0 && h('p', { class: 'note' }, t('ic.undo.none')),
      h('ul', { class: 'ways' }, undo.map((one) => h('li', { key: one.control },
        h('button', { type: 'button', class: `btn small ${armed === one.control ? 'danger armed' : ''}`.trim(), 'data-act': 'undo', 'data-sure': one.control, 'data-path': one.path, 'data-body': JSON.stringify(one.body) },
          t(armed === one.control ? 'ic.sure' : `ic.undo.${one.control}`)),
        h('span', { class: 'detail' }, t(`ic.undo.${one.control}.n`))))),
      incident.closed_at !== null && incident.guards.length > 0 && h('div', { class: 'guards' },
        h('h3', { class: 'h3' }, t('ic.guards')),
        h('ul', {}, incident.guards.map((one) => h('li', { key: one.code },
          icon('act', 'mini'), ' ', t(`ic.guard.${one.code}`, worded(one.values)),
          one.config && h('pre', { class: 'sample' }, one.config)))))),
  ];
}

const worded = (values) => ('scope' in values ? { ...values, scope: t(`ic.scope.${values.scope}`) } : values);

export function notesList({ at, incident }) {
  return incident.notes.map((one, i) => h('li', { key: i },
    h('time', { class: 't' }, when(one.at, at)),
    h('div', {}, one.by && h('b', {}, `${one.by}: `), one.text)));
}
