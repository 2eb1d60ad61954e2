// Effects, levels and states of experiments as text.

import { NONE, duration, known, msUnit, percent, usd, when } from './format.js';
import { t } from './i18n.js';

export const measureName = (name) => t(`exp.measure.${name}`);

/** A change against the control with a true sign: −12% or, of scores, +0.3 points. */
export function change(measure, value, digits = null) {
  if (!known(value)) return '?';
  const sign = value > 0 ? '+' : value < 0 ? '−' : '±';
  if (measure === 'quality') return t('exp.points', { value: `${sign}${Math.abs(value).toFixed(2)}` });
  if (value >= 9.995) return value > 100 ? t('exp.times.many') : t('exp.times', { n: (value + 1).toFixed(0) });
  const shown = digits ?? (Math.abs(value) < 0.0995 ? 1 : 0);
  return `${sign}${percent(Math.abs(value), shown)}`;
}

export const threshold = (measure, value) =>
  measure === 'quality' ? t('exp.points', { value: String(value) }) : percent(value, value * 100 % 1 ? 1 : 0);

export function interval(effect) {
  if (!known(effect.lower) && !known(effect.upper)) return t('exp.unknown');
  return `${change(effect.measure, effect.lower)} … ${change(effect.measure, effect.upper)}`;
}

export function level(measure, value) {
  if (!known(value)) return NONE;
  if (measure.startsWith('latency') || measure.startsWith('first_chunk')) return msUnit(value);
  if (measure === 'failures') return percent(value, 2);
  if (measure === 'cost') return usd(value);
  return Number(value).toFixed(value >= 100 ? 0 : 2);
}

export function stateOf(run) {
  if (run.warming_up) return { word: t('exp.state.warming'), chip: 'info' };
  const chips = { running: 'info', stopped: 'off', guarded: 'bad', ended: 'off', promoted: 'ok' };
  return { word: t(`exp.state.${run.state}`, { arm: run.promoted ?? '' }), chip: chips[run.state] };
}

export const verdictOf = (run, arm) => run.findings.find((one) => one.arm === arm)?.verdict ?? 'open';

/** What a person wants to know of one arm, as a key of the texts and its values. */
export function verdictWords(run, effect, definition) {
  const values = {
    arm: effect.arm,
    control: run.arms[0],
    measure: measureName(effect.measure),
    value: change(effect.measure, effect.value),
    lower: change(effect.measure, effect.lower),
    upper: change(effect.measure, effect.upper),
    effect: threshold(effect.measure, definition.effect),
    n: Math.round(Math.min(effect.units, effect.units_control)),
  };
  const verdict = verdictOf(run, effect.arm);
  if (!known(effect.lower) && !known(effect.upper)) {
    return [run.kind === 'switchback' ? 'exp.say.slots' : 'exp.say.early', values];
  }
  return [`exp.say.${verdict}`, values];
}

const REASONS = [
  [/^stopped by an operator$/, 'operator'],
  [/^its time is over$/, 'time'],
  [/^the promotion was (?:taken back|undone)$/, 'reverted'],
  [/^guardrail (\w+): (\S+) is worse than (\S+)$/, 'guardrail'],
];

/** The server's sentence in the reader's language where its form is known. */
export function reasonWords(reason) {
  for (const [form, key] of REASONS) {
    const match = form.exec(reason);
    if (match) return t(`exp.why.${key}`, { measure: match[1] ? measureName(match[1]) : '', arm: match[2], control: match[3] });
  }
  return reason;
}

export const at = (instant, now) => when(instant, now);
export const days = (value) => duration(value * 86400);
