// What the control loop itself complains about.

import { h } from './dom.js';
import { icon } from './charts.js';
import { coded, t } from './i18n.js';

/** One line per stage that failed in the last tick: its findings are missing, the rest goes on. */
export function stageNotice({ loop }) {
  return Object.entries(loop.stage_errors ?? {}).map(([stage, text]) =>
    h('p', { class: 'warned' }, icon('warn', 'mini'), ' ', t('stage.failed', { stage: coded('stage', stage) }), ' ', h('code', {}, text)));
}
