// What playbooks did about an incident: each run with its steps, what was measured, how it ended, and the way back.

import { h } from './dom.js';
import { count, known, percent } from './format.js';
import { language, t } from './i18n.js';
import { inWords } from './phrases.js';
import { took } from './inc-words.js';

const CHIPS = { waiting: 'warn', running: 'info', verifying: 'info', rolling_back: 'warn', verified: 'ok', rolled_back: 'bad', rejected: 'off', rehearsed: 'off' };
const STEP_CHIPS = { done: 'ok', asked: 'info', canary: 'info', failed: 'bad', stuck: 'bad', undoing: 'warn', undone: 'off', refused: 'warn' };
const ASKS = { approve: 'pri', reject: '', undo: '' };

const second = (at) => new Date(at * 1000).toISOString().slice(11, 19);
const isActive = (run) => !run.is_over || run.answers.length > 0;

/** Whether its account is shown: as somebody has chosen, else while it can be answered, and the newest. */
export const isUnfolded = (run, runs, chosen) => chosen.get(run.id) ?? (isActive(run) || run.id === runs.at(-1).id);

export function runsCard({ at, runs }, { armed, chosen }) {
  return [
    h('header', {}, h('h2', {}, t('ic.runs')), h('span', { class: 'sub' }, t('ic.runs.sub')),
      runs.length > 0 && h('span', { class: 'right code plain' }, t('ic.runs.n', { n: count(runs.length) }))),
    h('div', { class: 'body' },
      runs.length === 0
        ? h('p', { class: 'note' }, t('ic.runs.none'))
        : h('ol', { class: 'plays' }, runs.map((run) => runRow(run, at, armed, isUnfolded(run, runs, chosen))))),
  ];
}

function runRow(run, at, armed, unfolded) {
  const name = `run-${run.id}`;
  return h('li', { key: run.id },
    h('div', { class: 'play-head' },
      h('h3', {}, h('button', { type: 'button', class: 'fold', 'data-fold': run.id, 'aria-expanded': String(unfolded), 'aria-controls': unfolded ? name : null },
        h('span', { class: 'twist', 'aria-hidden': 'true' }, unfolded ? '▾' : '▸'), ' ', h('b', {}, run.playbook), ' ', h('span', { class: 'sub' }, scopeWord(run.scope)))),
      h('span', { class: `chip ${CHIPS[run.state] ?? 'off'}` }, t(`ic.run.${run.state}`)),
      run.is_shadow && h('span', { class: 'code plain' }, t('ic.act.proposed')),
      h('span', { class: 'sub num' }, times(run, at))),
    run.answers.length > 0 && h('div', { class: 'play-acts', role: 'group', 'aria-label': t('ic.run.answers', { name: run.playbook }) },
      run.answers.map((answer) => answerButton(run, answer, armed)),
      h('span', { class: 'note' }, t(run.state === 'waiting' ? 'ic.run.waits' : 'ic.run.undoable', { until: until(run) }))),
    unfolded && account(run, name));
}

/** `region:aws/us-east-1` in words. */
function scopeWord(scope) {
  const [kind, name] = scope.split(/:(.*)/s);
  return [t(`ic.scope.${kind}`), name].filter(Boolean).join(' ');
}

function times(run, at) {
  const since = t('ic.run.since', { when: second(run.started_at) });
  if (known(run.ended_at)) return `${since}, ${t('ic.run.took', { took: took(run.ended_at - run.started_at) })}`;
  return `${since}, ${t('ic.run.for', { took: took(at - run.started_at) })}`;
}

const until = (run) => second(known(run.held_until) ? run.held_until : run.deadline_at);

function answerButton(run, answer, armed) {
  const sure = `${answer}/${run.id}`;
  const tone = armed === sure ? 'danger armed' : ASKS[answer];
  return h('button', { key: answer, type: 'button', class: `btn small ${tone}`.trim(), 'data-act': 'run', 'data-run': run.id, 'data-answer': answer, 'data-sure': sure },
    t(armed === sure ? 'ic.sure' : `ic.run.do.${answer}`));
}

function account(run, name) {
  return h('div', { class: 'play', id: name },
    run.description && h('p', { class: 'detail', lang: foreign(run.description) }, run.description),
    h('dl', { class: 'facts' },
      row('because', run.trigger), row('known', run.evidence),
      run.actor !== 'foreroute' && row('by', run.actor)),
    h('table', { class: 'tbl play-steps' },
      h('caption', { class: 'sr' }, t('ic.run.steps', { name: run.playbook })),
      h('thead', {}, h('tr', {}, ['step', 'state', 'said', 'undo'].map((one) => h('th', { scope: 'col' }, t(`ic.step.${one}`))))),
      h('tbody', {}, run.steps.map(stepRow))),
    h('dl', { class: 'facts' },
      run.verify && row('wanted', wanted(run.verify)),
      run.verify && run.verify.failure.length > 0 && row('harm', run.verify.failure.join(' · ')),
      row('measured', run.verification),
      run.why !== run.verification && row('why', run.why)),
    h('p', { class: 'ref' }, h('code', {}, run.id)));
}

const wanted = (verify) => t('ic.run.wanted.of', { all: verify.success.join(' · '), over: took(verify.window_s) });

function stepRow(step) {
  const said = [inWords(step.said), ...step.holds.map(held)].filter(Boolean);
  return h('tr', { key: step.id },
    h('th', { scope: 'row' }, h('b', {}, step.id), ' ', h('span', { class: 'sub' }, `${step.action}, ${t(`ic.risk.${step.risk}`)}`)),
    h('td', {}, h('span', { class: `chip ${STEP_CHIPS[step.state] ?? 'off'}` }, t(`ic.step.${step.state}`))),
    h('td', { 'data-of': t('ic.step.said') }, said.map((words) => h('p', { lang: foreign(words) }, words))),
    h('td', { 'data-of': t('ic.step.undo') }, h('span', { lang: foreign(inWords(step.undo)) }, inWords(step.undo))));
}

const held = (hold) => t('ic.hold', { channel: hold.channel, kind: t(`ic.hold.${hold.kind}`), value: hold.kind === 'share' ? percent(hold.value) : Number(hold.value.toFixed(3)), until: second(hold.until) });

const row = (name, words) => words && [h('dt', {}, t(`ic.run.${name}`)), h('dd', { lang: foreign(sentences(words)) }, sentences(words))];
const sentences = (words) => words.split('; ').map(inWords).join('; ');

/** Sentences of the server that have no Korean form stay English, and say so to whoever reads them aloud. */
const foreign = (words) => (language() === 'ko' && !/[가-힣]/.test(words) ? 'en' : null);

/** The acts without those lines of a run that its own account tells: its beginning and its end stay. */
export function toldOnce(acts, runs) {
  const known = new Set(runs.map((run) => run.id));
  const last = new Map();
  for (const act of acts) {
    const [run, line] = act.id.split('/');
    if (known.has(run)) last.set(run, Math.max(last.get(run) ?? 0, Number(line)));
  }
  return acts.filter((act) => {
    const [run, line] = act.id.split('/');
    return !known.has(run) || Number(line) === 0 || Number(line) === last.get(run);
  });
}
