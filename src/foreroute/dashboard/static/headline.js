// The first sentence of the page: the outcome for users first, then what was done, then the numbers.

import { h } from './dom.js';
import { stateOf } from './channels.js';
import { clock, count, duration, errors, known, msUnit, percent, when } from './format.js';
import { coded, rich, t } from './i18n.js';

const FAILED_FINE = 0.01;

/** { title, sub, about } for the state of things: children, children and a channel or null. The first case that holds wins. */
export function headline(status) {
  const cases = [loopDead, killSwitch, noTraffic, noChannel, incidentOpen, movedEarly, failingNow, slowNow, expectedSlow, learning];
  for (const found of cases) {
    const said = found(status);
    if (said) return said;
  }
  return say('head.well', {}, [shape(status), figures(status)]);
}

const say = (key, values, sub) => ({
  title: rich(key, values, 'span', { class: 'em' }),
  sub: sub.filter(Boolean).map((part) => h('p', {}, typeof part === 'string' ? unbroken(part) : part)),
  about: values.channel ?? null,
});

/** A number and its unit stay on one line. */
const unbroken = (text) => text.replace(/(\d) (ms|s|min|h)\b/g, '$1\u00a0$2');

function loopDead({ loop, at }) {
  if (loop.alive) return null;
  const last = known(loop.last_tick_at) ? t('sub.lasttick', { time: when(loop.last_tick_at, at) }) : t('sub.notick');
  return say('head.dead', {}, [`${last} ${t('sub.dead')}`]);
}

function killSwitch(status) {
  return status.kill_switch ? say('head.kill', {}, [t('sub.kill'), figures(status)]) : null;
}

function noTraffic(status) {
  if (status.totals.attempts_per_minute > 0 || status.totals.failure_ratio !== null) return null;
  const url = status.gateway_url;
  if (!url) return say('head.notraffic', {}, []);
  return say('head.notraffic', {}, [[t('sub.notraffic'), ' ', h('code', {}, `base_url="${url.replace(/\/$/, '')}/v1"`)]]);
}

function noChannel(status) {
  const health = new Map(status.channels.map((c) => [c.id, c.health]));
  const usable = (target) => target.share > 0 && health.get(target.channel) !== 'offline';
  const stranded = status.routes.filter((route) => route.targets.length > 0 && !route.targets.some(usable));
  if (stranded.length === 0) return null;
  return say('head.nochannel', { route: stranded.map((r) => r.name).join(', ') }, [t('sub.nochannel'), figures(status)]);
}

const usersFine = ({ totals }) =>
  (totals.failure_ratio ?? 0) <= FAILED_FINE && !(known(totals.limit_s) && totals.now_s > totals.limit_s);

const gaveAway = (channel) => (channel.share_change ?? 0) < -0.005;

function incidentOpen(status) {
  const open = status.incidents.filter((incident) => incident.state !== 'closed');
  if (open.length === 0) return null;
  const first = open[0];
  const channel = status.channels.find((c) => c.id === first.channel);
  const moved = channel && gaveAway(channel);
  const values = { channel: first.channel, n: open.length - 1 };
  const key = `head.incident.${usersFine(status) ? 'fine' : 'hurt'}.${moved ? 'moved' : 'seen'}`;
  const cause = t('sub.incident', {
    cause: coded('cause', first.root_cause), time: when(first.opened_at, status.at), ago: duration(status.at - first.opened_at),
  });
  const more = open.length > 1 ? ` ${t('sub.incident.more', { n: open.length - 1 })}` : '';
  return say(key, values, [cause + more, forecastMoves(status).map((c) => moveSentence(c)).join(' '), figures(status)]);
}

const forecastMoves = ({ channels }) => channels.filter((c) => c.why?.code === 'forecast' && gaveAway(c));

const moveSentence = (channel) =>
  t('sub.moved', {
    channel: channel.id, time: clock(channel.why.at),
    before: percent((channel.share ?? 0) - channel.share_change), after: percent(channel.share),
  });

/** Traffic left before the limit was missed; if the limit is missed by now, the early move still helped. */
function movedEarly(status) {
  const moved = forecastMoves(status);
  if (moved.length === 0) return null;
  const late = moved.every((c) => known(c.limit_s) && c.now_s > c.limit_s);
  const key = !usersFine(status) ? 'head.moved.busy' : moved.length > 1 ? 'head.moved.many' : late ? 'head.moved.proven' : 'head.moved.one';
  return say(key, { channel: moved[0].id, n: moved.length }, [
    `${moved.slice(0, 2).map(moveSentence).join(' ')} ${shape(status)}`, figures(status)]);
}

function failingNow(status) {
  const failing = status.channels.filter((c) => stateOf(c) === 'bad' && c.failure_ratio > 0.05);
  if (failing.length === 0) return null;
  const worst = failing.reduce((a, b) => (b.failure_ratio > a.failure_ratio ? b : a));
  const key = `head.failing.${gaveAway(worst) ? 'moved' : 'seen'}`;
  return say(key, { channel: worst.id, ratio: errors(worst.failure_ratio) }, [shape(status) + pilotNote(status, worst), figures(status)]);
}

function slowNow(status) {
  const slow = status.channels.filter((c) => c.share > 0 && known(c.limit_s) && c.now_s > c.limit_s);
  if (slow.length === 0) return null;
  const worst = slow.reduce((a, b) => (b.now_s / b.limit_s > a.now_s / a.limit_s ? b : a));
  const values = { channel: worst.id, value: msUnit(worst.now_s), limit: msUnit(worst.limit_s), n: slow.length };
  return say(`head.slow.${gaveAway(worst) ? 'moved' : 'seen'}`, values, [shape(status) + pilotNote(status, worst), figures(status)]);
}

/** Why nothing moved, if the reason is the autopilot. */
const pilotNote = (status, channel) => (status.autopilot === 'act' || gaveAway(channel) ? '' : ` ${t('sub.ahead.pilot')}`);

/** Trouble ahead that nobody has acted on: autopilot only watches, or the forecast has no vote yet. */
function expectedSlow(status) {
  const ahead = status.channels.filter((c) => c.share > 0 && known(c.limit_s) && (c.in15_s > c.limit_s || c.in60_s > c.limit_s));
  if (ahead.length === 0) return null;
  const first = ahead.find((c) => c.in15_s > c.limit_s) ?? ahead[0];
  const horizon = first.in15_s > first.limit_s ? t('in15') : t('in60');
  const value = msUnit(first.in15_s > first.limit_s ? first.in15_s : first.in60_s);
  return say('head.ahead', { channel: first.id, horizon }, [
    t('sub.ahead', { value, horizon, limit: msUnit(first.limit_s) }) + pilotNote(status, first),
    figures(status)]);
}

function learning(status) {
  if (status.channels.some((c) => known(c.in15_s))) return null;
  return say('head.learning', {}, [t('sub.learning', { ago: duration(Math.max(0, status.at - status.started_at)) }), figures(status)]);
}

/** How many channels are in which state. */
function shape({ channels }) {
  const size = (group) => channels.filter((c) => c.group === group).length;
  const parts = ['healthy', 'watching', 'acted', 'out']
    .map((group) => [group, size(group)])
    .filter(([, n]) => n > 0)
    .map(([group, n]) => t(`shape.${group}`, { n }));
  return `${parts.join(', ')}.`;
}

function figures({ totals }) {
  const parts = [];
  if (totals.attempts_per_minute > 0) parts.push(t('fig.load', { n: count(Math.round(totals.attempts_per_minute)) }));
  if (known(totals.now_s)) {
    const values = { now: msUnit(totals.now_s), in60: msUnit(totals.in60_s), limit: msUnit(totals.limit_s) };
    parts.push(t(known(totals.in60_s) ? 'fig.latency' : 'fig.latency.now', values));
    if (known(totals.limit_s)) parts.push(t('fig.limit', values));
  }
  return parts.length ? `${parts.join(', ')}.` : null;
}
