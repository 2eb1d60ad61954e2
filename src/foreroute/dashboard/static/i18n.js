// Texts in two languages with the same keys. Texts are templates: {name} is a value, *stars* mark emphasis.

import { h } from './dom.js';
import { EN } from './text-en.js';
import { KO } from './text-ko.js';

const TEXTS = { en: { ...EN }, ko: { ...KO } };
let current = 'en';

export const language = () => current;

export function setLanguage(name) {
  current = name === 'ko' ? 'ko' : 'en';
  document.documentElement.lang = current;
}

/** The texts of a page of its own, in both languages. */
export function addTexts({ en, ko }) {
  Object.assign(TEXTS.en, en);
  Object.assign(TEXTS.ko, ko);
}

export const has = (key) => key in TEXTS[current];

/** The text of a key. Unknown keys come back as they are: a server's new code is shown, not hidden. */
export function t(key, values = {}) {
  return fill(TEXTS[current][key] ?? key, values);
}

/** The same as children for h(): what stands between stars becomes the element `tag`. */
export function rich(key, values = {}, tag = 'b', attrs = {}) {
  const parts = (TEXTS[current][key] ?? key).split('*');
  return parts.map((part, i) => (i % 2 ? h(tag, attrs, fill(part, values)) : fill(part, values)));
}

/** The text of a code of a closed set on the server, such as a reason or a cause of failure. */
export const coded = (group, code) => (has(`${group}.${code}`) ? t(`${group}.${code}`) : String(code ?? '').replaceAll('_', ' '));

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Put texts into the fixed parts of the page: data-t is the content, data-l the label. */
export function translatePage(root = document) {
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll('[data-l]')) node.setAttribute('aria-label', t(node.dataset.l));
}
