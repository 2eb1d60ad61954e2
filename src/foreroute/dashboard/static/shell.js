// The frame of the page: language, theme, and the form for the admin key.

import { $ } from './dom.js';
import { keepAdminKey } from './api.js';
import { language, setLanguage, t, translatePage } from './i18n.js';
import { keepLanguage, keepTheme, storedLanguage, storedTheme } from './prefs.js';

const root = document.documentElement;

function showTheme() {
  $('theme').textContent = t(root.dataset.theme === 'dark' ? 'theme.light' : 'theme.dark');
}

function showLanguage() {
  translatePage();
  $('lang').textContent = t('lang.other');
  $('lang').lang = language() === 'ko' ? 'en' : 'ko';
  showTheme();
}

/** `onLanguage` redraws what is not fixed text. */
export function wireShell({ onLanguage }) {
  root.dataset.theme = storedTheme();
  setLanguage(storedLanguage());
  showLanguage();

  $('lang').addEventListener('click', () => {
    setLanguage(language() === 'en' ? 'ko' : 'en');
    keepLanguage(language());
    showLanguage();
    onLanguage();
  });
  $('theme').addEventListener('click', () => {
    root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    keepTheme(root.dataset.theme);
    showTheme();
  });
}

/** `tryKey` says whether the key that was just kept opens the page. */
export function wireKeyForm({ tryKey }) {
  $('keyform').addEventListener('submit', async (event) => {
    event.preventDefault();
    keepAdminKey($('key').value.trim());
    const opened = await tryKey();
    $('key-note').textContent = opened ? '' : t('key.wrong');
    if (!opened) return;
    $('keyform').hidden = true;
    $('key').value = '';
  });
}

export function askForKey() {
  if (!$('keyform').hidden) return;
  $('keyform').hidden = false;
  $('key').focus();
}
