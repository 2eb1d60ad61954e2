// Incidents in words: what it is, in which state, how long each phase took.

import { duration, known } from './format.js';
import { coded, t } from './i18n.js';

export const whatOf = (incident) =>
  t('ic.what', { scope: t(`ic.scope.${incident.scope}`), name: incident.name, cause: coded('cause', incident.root_cause) });

const CHIPS = {
  open: 'bad', mitigated: 'warn', closed: 'ok', merged: 'off',
  pending: 'info', prevented: 'ok', came_through: 'bad', false_alarm: 'off', ungradable: 'off',
};
const MARKS = { bad: 'bad', warn: 'warn', ok: 'ok', off: 'idle', info: 'act' };

export const chipOf = (incident) => CHIPS[incident.state] ?? 'off';
export const markOf = (incident) => MARKS[chipOf(incident)];
export const stateWord = (incident) => t(`ic.state.${incident.state}`);

/** A duration where ten seconds make a difference. */
export const took = (seconds) => (known(seconds) ? duration(Math.max(0, seconds)) : '–');

const PHASES = [
  ['detect', 'first_bad_at', 'detected_at'],
  ['decide', 'detected_at', 'decided_at'],
  ['shift', 'decided_at', 'shifted_at'],
  ['verify', 'shifted_at', 'verified_at'],
];

/** Each phase with its end, how long it took since the last one that is known, and whether it is still to come. */
export function phasesOf({ phases, closed_at: closedAt }) {
  let last = phases.first_bad_at ?? phases.detected_at;
  let isNext = closedAt === null;
  return PHASES.map(([name, , end]) => {
    const at = phases[end];
    if (known(at)) {
      const since = last;
      last = at;
      return { name, at, seconds: known(since) ? at - since : null, state: 'done' };
    }
    const ahead = PHASES.slice(PHASES.findIndex(([one]) => one === name) + 1).some(([, , later]) => known(phases[later]));
    const state = ahead || closedAt !== null ? 'none' : isNext ? 'now' : 'ahead';
    if (!ahead) isNext = false;
    return { name, at: null, seconds: null, state };
  });
}
