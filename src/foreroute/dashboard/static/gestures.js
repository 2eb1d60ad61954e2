// Keys and pointer: J and K walk through the channels, arrows and the pointer read the chart.
// All listeners sit on nodes that stay, so redrawing never adds one.

import { $ } from './dom.js';

const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -15, PageUp: 15 };
const JUMPS = { Home: -Infinity, End: Infinity, Escape: null };

const typing = (node) => node.matches('input:not([type=radio]), textarea, select');

export function wireGestures({ state, select, step, moveCursor }) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    // By position on the keyboard, so that they work while Korean is being typed.
    if (event.code === 'KeyJ') step(1);
    if (event.code === 'KeyK') step(-1);
    if (event.target.id !== 'hot' || !state.geo) return;
    if (event.key in MOVES) moveCursor((state.cursor ?? 0) + MOVES[event.key] * (event.shiftKey ? 15 : 1));
    else if (event.key in JUMPS) moveCursor(JUMPS[event.key]);
    else return;
    event.preventDefault();
  });

  $('channels').addEventListener('click', ({ target }) => select(target.closest('tr.row')?.dataset.channel ?? null));

  const pointed = (event) => {
    const hot = event.target.closest('#hot');
    if (!hot || !state.geo) return null;
    const box = hot.getBoundingClientRect();
    return state.geo.at(((event.clientX - box.left) / box.width) * state.geo.width);
  };
  $('detail').addEventListener('pointermove', (event) => moveCursor(pointed(event)));
  $('detail').addEventListener('pointerdown', (event) => moveCursor(pointed(event)));
  $('detail').addEventListener('pointerleave', () => moveCursor(null));
  $('detail').addEventListener('focusout', () => document.hasFocus() && moveCursor(null));
}
