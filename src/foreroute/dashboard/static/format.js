// Numbers, money and instants as text. Instants are seconds since the epoch and are shown in UTC.

import { language } from './i18n.js';

export const NONE = '–';
export const known = (value) => value !== null && value !== undefined && Number.isFinite(Number(value));

// Formatters are dear to make and are used a hundred times per redraw.
const NUMBERS = Array.from({ length: 7 }, (_, digits) =>
  new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const DAYS = Object.fromEntries(['en', 'ko'].map((name) =>
  [name, new Intl.DateTimeFormat(name, { day: 'numeric', month: 'short', timeZone: 'UTC' })]));

const plain = (value, digits = 0) => NUMBERS[digits].format(Number(value));

export const count = (value) => (known(value) ? plain(value) : NONE);

/** Seconds as milliseconds without a unit, for columns that state it; long ones say their own unit. */
export function ms(seconds) {
  if (!known(seconds)) return NONE;
  return seconds < 9.9995 ? plain(seconds * 1000) : `${plain(seconds, 1)} s`;
}

/** Seconds as milliseconds with a unit. */
export function msUnit(seconds) {
  const text = ms(seconds);
  return text === NONE || text.endsWith('s') ? text : `${text} ms`;
}

export function percent(ratio, digits = 0) {
  return known(ratio) ? `${plain(ratio * 100, digits)}%` : NONE;
}

/** Small shares of failure keep one digit, so that 0.4 % is not 0 %. */
export const errors = (ratio) => percent(ratio, known(ratio) && ratio >= 0.0995 ? 0 : 1);

/** Availability never rounds up to 100 % when something failed. */
export function availability(failureRatio) {
  if (!known(failureRatio)) return NONE;
  const good = (1 - failureRatio) * 100;
  if (failureRatio === 0) return '100';
  return plain(Math.floor(good * 100) / 100, 2);
}

export function usd(value) {
  if (!known(value)) return NONE;
  const amount = Math.abs(Number(value));
  const digits = amount >= 1000 || amount === 0 ? 0 : amount >= 0.1 ? 2 : amount >= 0.001 ? 4 : 6;
  return `${Number(value) < 0 ? '−' : ''}$${plain(amount, digits)}`;
}

/** Cents matter in a column that holds $0.03 and $1.51. */
export const usdPerThousand = (perRequest) => (known(perRequest) ? `$${plain(perRequest * 1000, 2)}` : NONE);

const two = (value) => String(value).padStart(2, '0');

export function clock(at) {
  if (!known(at)) return NONE;
  const date = new Date(at * 1000);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

export function day(at) {
  return DAYS[language()].format(new Date(at * 1000));
}

/** The time alone on the day of `now`, with the date before it otherwise. */
export function when(at, now) {
  if (!known(at)) return NONE;
  const sameDay = Math.floor(at / 86400) === Math.floor(now / 86400);
  return sameDay ? clock(at) : `${day(at).replaceAll(' ', '\u00a0')} ${clock(at)}`;
}

const UNITS = { en: { s: ' s', m: ' min', h: ' h', d: ' d' }, ko: { s: '초', m: '분', h: '시간', d: '일' } };

export function duration(seconds) {
  if (!known(seconds)) return NONE;
  const unit = UNITS[language()];
  if (seconds < 90) return `${Math.round(seconds)}${unit.s}`;
  if (seconds < 5400) return `${plain(seconds / 60, seconds < 600 && seconds % 60 ? 1 : 0)}${unit.m}`;
  if (seconds < 172800) return `${plain(seconds / 3600, 1)}${unit.h}`;
  return `${plain(seconds / 86400, 1)}${unit.d}`;
}

/** How far ahead or back, said as people say it: 15 min, 1 h. */
export function span(seconds) {
  const unit = UNITS[language()];
  return seconds % 3600 === 0 ? `${seconds / 3600}${unit.h}` : duration(seconds);
}

/** A value in the unit of its metric. */
export function inUnit(metric, value) {
  if (!known(value)) return NONE;
  if (metric.endsWith('_ratio')) return errors(value);
  if (metric.endsWith('_slowdown')) return `${plain(value, 2)}×`;
  if (metric.endsWith('_usd')) return usd(value);
  return metric === 'attempts' || metric === 'throttles' ? count(value) : msUnit(value);
}

/** A change of share in points, with a true minus. */
export function points(change) {
  const value = Math.round(change * 100);
  return value === 0 ? '' : `${value > 0 ? '+' : '−'}${Math.abs(value)}`;
}
