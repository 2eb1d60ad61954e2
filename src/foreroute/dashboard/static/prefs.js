// Language and theme: what was chosen before, else what the browser prefers.

function recall(name, allowed) {
  try {
    const value = localStorage.getItem(`foreroute.${name}`);
    return allowed.includes(value) ? value : null;
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`foreroute.${name}`, value);
  } catch {
    // Private windows may refuse; the choice then lasts until the page is closed.
  }
}

export const storedLanguage = () =>
  recall('language', ['en', 'ko']) ?? (navigator.language?.toLowerCase().startsWith('ko') ? 'ko' : 'en');

export const storedTheme = () =>
  recall('theme', ['light', 'dark']) ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

export const keepLanguage = (value) => keep('language', value);
export const keepTheme = (value) => keep('theme', value);
