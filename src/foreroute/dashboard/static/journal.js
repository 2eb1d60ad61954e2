// What was decided and what went wrong: the decisions and the incidents.

import { h } from './dom.js';
import { icon, spanBar } from './charts.js';
import { count, duration, known, percent, points, when } from './format.js';
import { coded, language, t } from './i18n.js';
import { inWords } from './phrases.js';
import { gradeOf } from './rollout.js';

const MERGE_S = 1800;

export function decisionsCard(decisions, status) {
  const rows = decisions === null ? null : decisionRows(decisions, status.at, { limit: 12 });
  return [
    h('header', {}, h('h2', {}, t('dec')), h('span', { class: 'sub' }, t('dec.sub'))),
    h('div', { class: 'body', tabindex: 0, role: 'group', 'aria-label': t('dec') },
      rows === null && h('p', { class: 'note' }, t('loading')),
      rows?.length === 0 && h('p', { class: 'note' }, t('dec.none')),
      rows?.length > 0 && h('ol', { class: 'log num' }, rows)),
  ];
}

/** One line per decision; steps of the same move that follow each other become one line. */
export function decisionRows(decisions, now, { limit, channel = null }) {
  const moves = [];
  for (const decision of decisions) {
    const move = summary(decision, channel);
    if (!move) continue;
    const later = moves.at(-1);
    if (later && sameMove(later, move)) {
      Object.assign(later, { before: move.before, first: decision.at, steps: later.steps + 1 });
    } else if (moves.length === limit) break;
    else moves.push(move);
  }
  return moves.map((move) => moveRow(move, now));
}

/** A decision moves several shares; the one it is about is the one that caused it. */
function summary(decision, channel) {
  const moved = decision.changes.filter((c) => Math.abs(c.after - c.before) > 1e-4 && (channel === null || c.channel === channel));
  const size = (c) => Math.abs(c.after - c.before);
  const largest = (changes) => changes.reduce((a, b) => (a && size(a) >= size(b) ? a : b), null);
  const main = largest(moved.filter((c) => c.channel === c.cause_channel)) ?? largest(moved);
  if (!main) return null;
  const others = moved.filter((c) => c !== main && c.after > c.before && main.after < main.before);
  return {
    id: decision.id, at: decision.at, first: decision.at, applied: decision.applied, autopilot: decision.autopilot,
    graded: moveOf(decision, main), steps: 1, others: others.map((c) => ({ channel: c.channel, gain: c.after - c.before })),
    channel: main.channel, before: main.before, after: main.after, code: main.code, detail: main.detail,
  };
}

/** The move that this change was a step of; steps of one trouble have one grade. */
function moveOf(decision, change) {
  const mine = (decision.moves ?? []).filter((move) => move.executed === decision.applied && move.route === change.route);
  return mine.find((move) => move.channel === change.cause_channel) ?? mine[0] ?? null;
}

const direction = (move) => Math.sign(move.after - move.before);

function sameMove(later, earlier) {
  return later.channel === earlier.channel && later.code === earlier.code && later.applied === earlier.applied &&
    later.first - earlier.at <= MERGE_S && direction(later) === direction(earlier) &&
    Math.abs(earlier.after - later.before) < 0.005 && later.graded?.id === earlier.graded?.id;
}

function moveRow(move, now) {
  const words = inWords(move.detail);
  const down = move.after < move.before;
  return h('li', { key: move.id, class: move.applied ? '' : 'idea' },
    h('time', { class: 't' }, when(move.at, now)),
    h('div', { class: 'what' },
      h('p', {},
        h('b', {}, move.channel), ' ',
        h('span', { class: down ? 'mv dn' : 'mv up' }, t('moved', { before: percent(move.before), after: percent(move.after) })), ' ',
        move.steps > 1 && h('span', { class: 'muted' }, `${t('dec.steps', { n: move.steps })} `),
        h('span', { class: 'code', title: move.code }, coded('code', move.code)), ' ',
        !move.applied && h('span', { class: 'code plain' }, t(`dec.${move.autopilot === 'observe' ? 'observed' : 'suggested'}`))),
      h('p', { class: 'detail', lang: words === move.detail && language() === 'ko' ? 'en' : null }, words),
      move.others.length > 0 && move.steps === 1 && h('p', { class: 'detail' },
        t('dec.others', { list: move.others.map((o) => `${o.channel} ${points(o.gain) || '+0'}`).join(', ') })),
      gradeOf(move.graded, now)));
}

export function incidentsCard(status) {
  const { incidents } = status;
  const closed = incidents.filter((i) => known(i.time_to_recover_s));
  const max = Math.max(1, ...closed.map((i) => i.time_to_recover_s), ...incidents.filter((i) => !known(i.closed_at)).map((i) => status.at - i.opened_at));
  return [
    h('header', {}, h('h2', {}, t('inc')), h('span', { class: 'sub' }, t('inc.sub')),
      h('a', { class: 'right', href: '/incidents.html' }, t('inc.all'))),
    h('div', { class: 'body' },
      incidents.length === 0 && h('p', { class: 'note' }, t('inc.none')),
      h('ol', { class: 'log wide num' }, incidents.slice(0, 8).map((incident) => incidentRow(incident, status.at, max))),
      incidents.length > 8 && h('p', { class: 'note' }, t('inc.more', { n: count(incidents.length - 8) }))),
  ];
}

const MARKS = { open: 'bad', mitigated: 'warn', closed: 'ok' };

function incidentRow(incident, now, max) {
  const took = incident.time_to_recover_s ?? now - incident.opened_at;
  const words = inWords(incident.evidence ?? '');
  return h('li', { key: incident.id },
    h('time', { class: 't' }, when(incident.opened_at, now)),
    h('div', { class: 'what' },
      h('p', {},
        icon(MARKS[incident.state] ?? 'warn', 'mini'), ' ',
        incident.scope ? h('a', { href: `/incidents.html#${encodeURIComponent(incident.id)}` }, incident.channel) : h('b', {}, incident.channel), ' ',
        coded('cause', incident.root_cause),
        known(incident.probability) && h('span', { class: 'muted' }, ` ${t('inc.sure', { p: percent(incident.probability) })}`)),
      h('p', { class: 'took' },
        spanBar(0, took, max, incident.state === 'closed' ? 'okf' : 'warnf'),
        h('span', {}, t(`inc.${incident.state}`, { took: duration(took) }))),
      h('p', { class: 'detail', lang: words === incident.evidence && language() === 'ko' ? 'en' : null }, words),
      incident.playbooks?.length > 0 && h('p', { class: 'detail' }, t('inc.playbooks', { list: incident.playbooks.join(', ') }))));
}
