// How far each capability may go, what its moves were worth, and what waits for a yes.

import { h } from './dom.js';
import { icon } from './charts.js';
import { count, percent, when } from './format.js';
import { coded, has, language, t } from './i18n.js';
import { inWords } from './phrases.js';

const STAGES = ['observe', 'suggest', 'act'];
const GRADES = ['helped', 'no_difference', 'false_alarm', 'hurt'];
const COLOURS = { helped: 'okf', no_difference: 'line2f', false_alarm: 'warnf', hurt: 'bad' };

/** Shown when somebody asks for it, when something waits for an answer, or when the capabilities are not all alike. */
export function isWorthShowing({ rollout }, asked) {
  const stages = new Set(rollout.capabilities.filter((one) => one.exists).map((one) => one.stage));
  return asked || rollout.suggestions.length > 0 || stages.size > 1;
}

/** `forcing`: the capability that is about to be raised without proof. */
export function rolloutCard({ rollout, at }, forcing) {
  return [
    h('header', {}, h('h2', {}, t('roll')), h('span', { class: 'sub' }, t('roll.sub'))),
    h('div', { class: 'body' },
      rollout.suggestions.map((one) => suggestion(one, at)),
      h('ul', { class: 'caps' }, rollout.capabilities.map((one) => capability(one, at, forcing)))),
  ];
}

function suggestion(one, now) {
  const words = inWords(one.detail);
  const moves = Object.keys(one.after).sort((a, b) => (a === one.channel ? -1 : b === one.channel ? 1 : 0));
  return h('div', { class: 'ask', key: one.id },
    h('p', {},
      icon('warn', 'mini'), ' ', h('b', {}, t('roll.ask', { capability: t(`cap.${one.capability}`) })), ' ',
      h('span', { class: 'code' }, coded('code', one.code)), ' ',
      h('span', { class: 'muted' }, t('roll.until', { time: when(one.expires_at, now) }))),
    h('p', { class: 'num' }, moves.map((name, i) => [i > 0 && ' · ', h('span', { class: 'nowrap' }, name, ' ',
      t('moved', { before: percent(one.before[name]), after: percent(one.after[name]) }))])),
    h('p', { class: 'muted', lang: words === one.detail && language() === 'ko' ? 'en' : null }, words),
    h('p', { class: 'acts' },
      button('approve', one.id, t('roll.approve'), 'pri'), button('dismiss', one.id, t('roll.dismiss'))));
}

const button = (act, id, text, kind = '', more = {}) =>
  h('button', { type: 'button', class: `btn small ${kind}`.trim(), 'data-roll': act, 'data-id': id, ...more }, text);

function capability(one, now, forcing) {
  const rank = STAGES.indexOf(one.stage);
  const isForced = forcing === one.capability;
  return h('li', { key: one.capability, class: one.exists ? '' : 'absent' },
    h('div', { class: 'cap-head' },
      h('b', {}, t(`cap.${one.capability}`)), ' ',
      one.exists && h('span', { class: 'steps', role: 'img', 'aria-label': t('roll.stage', { stage: t(`pilot.${one.stage}`) }) },
        STAGES.map((stage, i) => h('span', { class: i === rank ? 'on' : i < rank ? 'past' : '' }, t(`pilot.${stage}`))))),
    h('p', { class: 'muted' }, t(`cap.${one.capability}.what`)),
    one.exists ? evidence(one, now) : h('p', { class: 'note' }, t('roll.absent')),
    one.exists && h('p', { class: 'acts' },
      one.next !== null && button('raise', one.capability, t('roll.raise', { stage: t(`pilot.${one.next}`) }), '', { 'aria-expanded': one.missing.length ? String(isForced) : null }),
      rank > 0 && button('lower', one.capability, t('roll.lower', { stage: t(`pilot.${STAGES[rank - 1]}`) }))),
    one.exists && isForced && force(one));
}

function evidence(one, now) {
  return [
    h('div', { class: 'graded' }, one.graded > 0 ? bar(one) : null,
      h('p', { class: 'num' }, one.graded === 0 ? t('roll.nograde') : GRADES.filter((name) => one.grades[name])
        .map((name) => `${count(one.grades[name])} ${t(`grade.${name}`)}`).join(' · '),
      one.waiting > 0 && h('span', { class: 'muted' }, ` · ${t('roll.waiting', { n: count(one.waiting) })}`))),
    one.next !== null && h('p', { class: 'muted' },
      one.missing.length ? [t('roll.missing', { stage: t(`pilot.${one.next}`) }), ' ', one.missing.map(inWords).join('; ')]
        : t('roll.ready', { stage: t(`pilot.${one.next}`) })),
    one.since_at !== null && h('p', { class: 'muted' }, t('roll.since', { time: when(one.since_at, now) })),
  ];
}

/** Good on the left, bad on the right. */
function bar(one) {
  let at = 0;
  return h('svg', { class: 'spanbar', viewBox: '0 0 100 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'track', x: 0, y: 2, width: 100, height: 8, rx: 1 }),
    GRADES.map((name) => {
      const width = ((one.grades[name] ?? 0) / one.graded) * 100;
      const rect = width > 0 && h('rect', { class: COLOURS[name], x: at, y: 2, width, height: 8 });
      at += width;
      return rect;
    }));
}

/** Without proof a stage is raised for a reason that goes on record. */
function force(one) {
  return h('form', { class: 'force', 'data-id': one.capability },
    h('label', { for: `why-${one.capability}` }, t('roll.why')),
    h('input', { id: `why-${one.capability}`, name: 'why', type: 'text', required: true, maxlength: 300, autocomplete: 'off' }),
    h('button', { type: 'submit', class: 'btn small danger' }, t('roll.force', { stage: t(`pilot.${one.next}`) })));
}

/** What became of a decision's move: its grade with the numbers, or when it will have one. */
export function gradeOf(move, now) {
  if (move === null) return null;
  if (move.grade === null) return h('p', { class: 'detail' }, t('grade.from', { time: when(move.due_at, now) }));
  const words = inWords(move.detail ?? '');
  const name = has(`grade.${move.grade}`) ? t(`grade.${move.grade}`) : move.grade;
  return h('p', { class: 'detail' },
    h('span', { class: `grade ${move.grade}` }, icon(MARKS[move.grade] ?? 'idle', 'mini'), name), ' ',
    h('span', { lang: words === move.detail && language() === 'ko' ? 'en' : null }, words));
}

const MARKS = { helped: 'ok', no_difference: 'idle', false_alarm: 'warn', hurt: 'bad', unknown: 'off' };
