// The cards of the page: the list, the effect, the arms, guardrails and other measures.

import { h } from './dom.js';
import { icon } from './charts.js';
import { count, known, percent, usd } from './format.js';
import { rich, t } from './i18n.js';
import { effectChart } from './exp-chart.js';
import { at, change, days, interval, level, measureName, reasonWords, stateOf, threshold, verdictOf, verdictWords } from './exp-words.js';

const LEVELS = ['latency', 'first_chunk', 'failures', 'cost', 'tokens', 'quality'];
const MARKS = { better: 'ok', worse: 'bad', equal: 'idle', open: 'idle' };

export function listCard(found, selected) {
  const idle = found.defined.filter((one) => !found.runs.some((run) => run.experiment === one.id));
  return [
    h('header', {}, h('h2', {}, t('exp.list')), h('span', { class: 'sub' }, t('exp.list.sub'))),
    h('ol', { class: 'runs body-list' },
      found.runs.map((run) => item(run.run, selected, [
        h('span', { class: 'one' }, h('b', {}, run.run), chip(run)),
        h('span', { class: 'two num' }, [t(`exp.kind.${run.kind}`), run.routes.join(', '), run.arms.join(' / '), t('exp.requests', { n: count(run.requests) })].join(' · ')),
        run.note && h('span', { class: 'two' }, run.note),
      ])),
      idle.map((one) => item(one.id, selected, [
        h('span', { class: 'one' }, h('b', {}, one.id), h('span', { class: 'chip off' }, t('exp.notrun'))),
        h('span', { class: 'two' }, [t(`exp.kind.${one.kind}`), one.routes.join(', '), one.arms.map((arm) => arm.name).join(' / ')].join(' · ')),
        one.note && h('span', { class: 'two' }, one.note),
      ]))),
  ];
}

function item(name, selected, kids) {
  const on = name === selected;
  return h('li', { key: name, class: on ? 'on' : null },
    h('button', { type: 'button', class: 'pick', 'data-pick': name, 'aria-current': on ? 'true' : null }, kids));
}

function chip(run) {
  const { word, chip: kind } = stateOf(run);
  return h('span', { class: `chip ${kind}` }, word);
}

export function effectsCard(shown, width) {
  const { definition, run } = shown;
  if (run === null) return sizeCard(shown);
  const sure = percent(1 - run.effects[0].alpha, 1).replace('.0%', '%');
  return [
    h('header', {}, h('h2', {}, t('exp.effect.of', { measure: measureName(run.measure) })),
      h('span', { class: 'sub' }, t('exp.effect.sub', { control: run.arms[0], sure })), h('span', { class: 'right' }, chip(run))),
    h('div', { class: 'body' },
      run.effects.map((effect) => h('div', { class: 'effect', key: effect.arm }, oneEffect(shown, effect, width))),
      progress(run),
      footnotes(shown)),
  ];
}

function oneEffect({ at: now, definition, run }, effect, width) {
  const [key, values] = verdictWords(run, effect, definition);
  const found = run.findings.find((one) => one.arm === effect.arm);
  return [
    h('p', { class: 'verdict' }, icon(MARKS[verdictOf(run, effect.arm)], 'mini'), ' ', rich(key, values)),
    found && h('p', { class: 'note' }, t('exp.since', { when: at(found.at, now) })),
    h('figure', { class: 'fig' }, effectChart(run, effect, definition, width)),
    effect.variance_removed > 0.005 && h('p', { class: 'note' }, t('exp.cuped', { share: percent(effect.variance_removed), measure: measureName(effect.measure) })),
  ];
}

function progress(run) {
  const least = Math.min(...run.effects.flatMap((one) => [one.units, one.units_control]));
  const part = Math.max(0, Math.min(1, run.progress));
  const key = run.kind === 'switchback' ? 'exp.progress.slots' : run.progress > 1 ? 'exp.progress.more' : 'exp.progress';
  const words = t(key, { n: count(least), planned: count(run.planned), share: percent(part) });
  return [
    h('svg', { class: 'progress', viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': words },
      h('rect', { class: 'track', x: 0, y: 3, width: 100, height: 4 }),
      h('rect', { class: run.progress >= 1 ? 'okf' : 'fcf', x: 0, y: 3, width: Math.max(0.4, part * 100), height: 4 })),
    h('p', { class: 'note num' }, words),
  ];
}

function footnotes({ at: now, run }) {
  const warn = (words) => h('p', { class: 'note warned' }, icon('warn', 'mini'), ' ', words);
  return [
    run.state === 'running' ? h('p', { class: 'note' }, t('exp.ends', { when: at(run.ends_at, now) }))
      : run.state !== 'promoted' && h('p', { class: 'note' }, t('exp.reason', { reason: reasonWords(run.reason) })),
    known(run.split_p_value) && run.split_p_value < 0.001 && warn(t('exp.split', { p: run.split_p_value.toPrecision(1) })),
    run.late_attempts > 0 && warn(t('exp.late', { n: count(run.late_attempts) })),
    run.spent_usd !== null && h('p', { class: 'note num' }, t('exp.spent', { spent: usd(run.spent_usd), budget: usd(run.budget_usd) })),
    run.config_patch && [h('p', { class: 'note' }, t('exp.promoted', { arm: run.promoted })), h('pre', { class: 'sample' }, run.config_patch)],
  ];
}

function sizeCard({ definition, size }) {
  const values = {
    n: count(size.sequential), fixed: count(size.fixed), measure: measureName(definition.measure), effect: threshold(definition.measure, definition.effect),
  };
  return [
    h('header', {}, h('h2', {}, definition.id), h('span', { class: 'right chip off' }, t('exp.notrun'))),
    h('div', { class: 'body' },
      definition.note && h('p', { class: 'note' }, definition.note),
      h('p', { class: 'verdict' }, known(size.sequential) ? rich('exp.size', values) : t('exp.size.unknown')),
      known(size.days) && h('p', { class: 'note' }, t('exp.size.days', { days: days(size.days) })),
      size.variance_removed > 0.005 && h('p', { class: 'note' }, t('exp.size.removed', { share: percent(size.variance_removed) }))),
  ];
}

export function armsCard({ run }) {
  const shown = LEVELS.filter((name) => run.arm_rows.some((arm) => known(arm.levels[name])));
  const total = run.arm_rows.reduce((sum, arm) => sum + arm.weight, 0);
  return [
    h('header', {}, h('h2', {}, t('exp.arms')), h('span', { class: 'sub' }, t('exp.arms.sub'))),
    h('div', { class: 'body' }, h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('exp.arms') }, h('table', { class: 'cmp' },
      h('thead', {}, h('tr', {},
        [t('exp.col.arm'), run.kind === 'ab' && t('exp.col.weight'), t('exp.col.requests'), ...shown.map(measureName)].filter(Boolean)
          .map((word) => h('th', { scope: 'col' }, word)))),
      h('tbody', {}, run.arm_rows.map((arm, i) => h('tr', { key: arm.name },
        h('th', { scope: 'row' }, arm.name, i === 0 && arm.name !== 'control' && h('span', { class: 'muted' }, ` ${t('exp.control')}`)),
        run.kind === 'ab' && h('td', {}, percent(arm.weight / total)),
        h('td', {}, count(arm.requests)),
        shown.map((name) => h('td', {}, level(name, arm.levels[name]))))))))),
  ];
}

export function restCard({ run }) {
  const guarded = new Set(run.guardrails.map((one) => one.measure));
  const others = run.others.filter((one) => !guarded.has(one.measure));
  return [
    h('header', {}, h('h2', {}, t('exp.others')), h('span', { class: 'sub' }, t('exp.others.sub'))),
    h('div', { class: 'body' },
      h('h3', { class: 'sub3' }, t('exp.guardrails')),
      run.guardrails.length === 0 ? h('p', { class: 'note' }, t('exp.noguardrail')) : table(run.guardrails, true),
      others.length > 0 && [h('h3', { class: 'sub3' }, t('exp.measures')), table(others, false)]),
  ];
}

function table(effects, guarded) {
  const several = new Set(effects.map((one) => one.arm)).size > 1;
  const head = [t('exp.col.measure'), several && t('exp.col.arm'), t('exp.col.effect'), t('exp.col.interval'),
    guarded && t('exp.col.limit'), guarded && t('exp.col.state')].filter(Boolean);
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t(guarded ? 'exp.guardrails' : 'exp.measures') }, h('table', { class: 'cmp' },
    h('thead', {}, h('tr', {}, head.map((word) => h('th', { scope: 'col' }, word)))),
    h('tbody', {}, effects.map((one) => h('tr', { key: `${one.measure}/${one.arm}` },
      h('th', { scope: 'row' }, measureName(one.measure)),
      several && h('td', {}, one.arm),
      h('td', {}, change(one.measure, one.value)),
      h('td', { class: 'muted' }, interval(one)),
      guarded && h('td', {}, threshold(one.measure, one.worse_max)),
      guarded && h('td', {}, h('span', { class: `chip ${one.broken ? 'bad' : 'ok'}` }, t(one.broken ? 'exp.broken' : 'exp.holds'))))))));
}
