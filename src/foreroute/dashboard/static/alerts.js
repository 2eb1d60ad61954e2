// The alerts: what is wrong, since when, how bad for users, what was done, and what a person can say to it.

import { h } from './dom.js';
import { icon } from './charts.js';
import { count, duration, known, when } from './format.js';
import { coded, has, language, t } from './i18n.js';
import { inWords } from './phrases.js';

const RESOLVED_SHOWN = 5;
const OPEN_SHOWN = 12;
const MEMBERS_SHOWN = 6;
const OF_TRAFFIC = ['event', 'incident', 'failing', 'slow', 'anomaly', 'forecast'];
const MARKS = { info: 'idle', warning: 'warn', critical: 'bad' };
const LOUD = { info: 'info', warning: 'warn', critical: 'bad' };
const CHIPS = { acknowledged: 'info', pending: 'warn', silenced: 'off', explained: 'off', resolved: 'ok' };

export function alertsCard(found, now) {
  return [
    h('header', {}, h('h2', {}, t('alerts')), h('span', { class: 'sub' }, t('alerts.sub'))),
    h('div', { class: 'body' }, body(found, now)),
  ];
}

function body(found, now) {
  if (found === null) return h('p', { class: 'note' }, t('loading'));
  if (!found.enabled) return [h('p', { class: 'note' }, t('alerts.off')), (found.mutes ?? []).map((one) => muteRow(one, now))];
  const explained = found.alerts.filter((one) => one.state === 'explained');
  const open = found.alerts.filter((one) => one.state !== 'resolved' && one.state !== 'explained');
  const over = found.alerts.filter((one) => one.state === 'resolved').slice(0, RESOLVED_SHOWN);
  const rows = [...open.slice(0, OPEN_SHOWN), ...over];
  return [
    open.length === 0 && h('p', { class: 'calm' }, icon('ok', 'mini'), ' ', t(over.length ? 'alerts.calm' : 'alerts.none')),
    rows.length > 0 && h('ol', { class: 'log wide num alerts' }, rows.map((alert) => alertRow(alert, found, now))),
    open.length > OPEN_SHOWN && h('p', { class: 'note' }, t('alerts.more', { n: count(open.length - OPEN_SHOWN) })),
    explained.length > 0 && h('p', { class: 'note' }, t('alerts.explained', { n: count(explained.length) })),
    found.silences.filter((one) => one.state !== 'ended').map((one) => silenceRow(one, now)),
    (found.mutes ?? []).map((one) => muteRow(one, now)),
    receivers(found.receivers),
  ];
}

function alertRow(alert, found, now) {
  const isOver = alert.state === 'resolved';
  return h('li', { key: alert.id, class: `alert is-${alert.state}`, 'data-alert': alert.id },
    h('time', { class: 't' }, when(alert.since_at, now)),
    h('div', { class: 'what' },
      h('p', {},
        icon(isOver ? 'ok' : MARKS[alert.severity], 'mini'), ' ', h('b', {}, title(alert)), ' ',
        h('span', { class: `chip ${CHIPS[alert.state] ?? LOUD[alert.severity]}` }, t(`alert.state.${alert.state}`)), ' ',
        !isOver && h('span', { class: 'code plain' }, t(`alert.severity.${alert.severity}`)), ' ',
        alert.reopened > 0 && h('span', { class: 'code plain' }, t('alert.flapping', { n: count(alert.reopened) }))),
      h('p', { class: 'facts' }, facts(alert)),
      said(summaryOf(alert), (words) => words),
      alert.done.map((one) => said(one, (words) => t('alert.done', { what: words }))),
      alert.incident && h('p', { class: 'detail' }, h('a', { href: `/incidents.html#${encodeURIComponent(alert.incident)}` }, t('alert.incident'))),
      alert.members.length > 0 && h('p', { class: 'detail' }, t('alert.members', { now: count(alert.members_now), all: count(alert.members.length), list: members(alert) })),
      buttons(alert, found)));
}

/** A sentence of the server, in the reader's language where its form is known. */
function said(sentence, dress) {
  const words = inWords(sentence);
  return h('p', { class: 'detail', lang: words === sentence && language() === 'ko' ? 'en' : null }, dress(words));
}

/** The title names the channel already. */
function summaryOf({ summary, labels }) {
  const head = `${labels.channel}: `;
  return summary.startsWith(head) ? summary.slice(head.length) : summary;
}

/** In the reader's language, from what the alert is about; a kind that is not known says its English sentence below. */
function title(alert) {
  const labels = alert.labels;
  const key = `alert.of.${alert.source === 'event' ? labels.kind : alert.source}`;
  const cause = alert.source === 'incident' ? coded('cause', labels.cause) : '';
  const name = labels.channel ?? labels.region ?? labels.provider ?? labels.budget ?? labels.stage ?? labels.receiver ?? '';
  const kind = coded('alert.kind', labels.kind);
  return has(key) ? t(key, { name, cause, kind, metric: coded('alert.metric', labels.metric) }) : `${name} ${kind}`;
}

function facts(alert) {
  const took = t(alert.state === 'resolved' ? 'alert.lasted' : 'alert.for', { took: duration(Math.max(0, Math.round(alert.duration_s))) });
  const { requests_per_minute: affected, excess } = alert.impact;
  const users = affected > 0 ? t('alert.impact', { n: few(affected), times: few(excess) })
    : OF_TRAFFIC.includes(alert.source) && t('alert.impact.none');
  const by = alert.acknowledged_at !== null && alert.acknowledged_by && t('alert.by', { name: alert.acknowledged_by });
  return [took, users, by].filter(Boolean).join(' · ');
}

const few = (value) => (value >= 10 ? count(value) : String(Number(value.toPrecision(2))));

function members(alert) {
  const shown = alert.members.slice(0, MEMBERS_SHOWN).join(', ');
  const rest = alert.members.length - MEMBERS_SHOWN;
  return rest > 0 ? `${shown} ${t('alert.andmore', { n: count(rest) })}` : shown;
}

/** Each button carries what it does: one listener on the card serves them all. */
function buttons(alert, found) {
  const button = (act, on, more = {}) => h('button',
    { type: 'button', class: 'btn small', 'data-act': act, 'data-id': alert.id, 'aria-pressed': on === null ? null : String(on), ...more },
    t(`alert.do.${act}`));
  const isFiring = alert.phase === 'firing';
  const silence = found.silences.find((one) => one.id === alert.silenced_by);
  const factor = alert.threshold_factor;
  return h('p', { class: 'acts' },
    isFiring && (alert.acknowledged_at === null ? button('ack', null) : button('unack', null)),
    isFiring && !silence && button('silence', null),
    button('useful', alert.feedback === 'useful'),
    button('noise', alert.feedback === 'noise'),
    known(factor) && Math.abs(factor - 1) > 0.004 && h('span', { class: 'muted' }, t('alert.factor', { factor: factor.toFixed(2) })));
}

function silenceRow(silence, now) {
  return h('p', { class: 'note silence', key: `silence-${silence.id}` },
    t('alert.silence', { what: silence.matchers.join(', '), until: when(silence.end_at, now) }), ' ',
    h('button', { type: 'button', class: 'btn small', 'data-act': 'unsilence', 'data-id': silence.id }, t('alert.do.unsilence')));
}

function muteRow(mute, now) {
  const what = { channel: mute.channel, until: when(mute.end_at, now), from: when(mute.start_at, now) };
  const key = mute.state === 'planned' ? 'alert.mute.planned' : `alert.mute.${mute.reason}`;
  return h('p', { class: 'note silence', key: `mute-${mute.id ?? `${mute.channel}-${mute.start_at}`}` },
    t(key, what), mute.because && ` (${mute.because})`, ' ',
    mute.id && h('button', { type: 'button', class: 'btn small', 'data-act': 'unmute', 'data-id': mute.id }, t('alert.do.unmute')));
}

function receivers(rows) {
  if (rows.length === 0) return h('p', { class: 'note' }, t('alerts.noreceiver'));
  const bad = rows.filter((one) => one.state !== 'ok');
  return [
    ...bad.map((one) => h('p', { class: 'note warned', key: `receiver-${one.name}` }, icon('warn', 'mini'), ' ',
      t('alerts.receiver.bad', { name: one.name, n: count(one.waiting) }), ' ', h('code', {}, one.error))),
    bad.length === 0 && h('p', { class: 'note' }, t('alerts.receivers', { list: rows.map((one) => one.name).join(', ') })),
  ];
}
