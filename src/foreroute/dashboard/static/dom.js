// A very small renderer: plain values describe the page, patch() brings the DOM in line with them.
// Nodes that stay are kept, so focus, scroll position and hover survive a redraw every second.
// Text only ever becomes a text node and attributes go through setAttribute: nothing is parsed as HTML.

const SVG = 'http://www.w3.org/2000/svg';
const MADE_OF = Symbol('vnode');

export const $ = (id) => document.getElementById(id);

/** Describe an element. `key` (optional attribute) keeps an element's identity when its siblings move. */
export function h(tag, attrs, ...kids) {
  const { key, ...rest } = attrs ?? {};
  return { tag, key, attrs: rest, kids: flatten(kids, []) };
}

function flatten(kids, out) {
  for (const kid of kids) {
    if (Array.isArray(kid)) flatten(kid, out);
    else if (kid !== null && kid !== undefined && kid !== false) {
      out.push(typeof kid === 'object' ? kid : String(kid));
    }
  }
  return out;
}

let patching = false;

/**
 * Make the children of `parent` what `kids` describe. Removing what has the focus tells it so at once, and whoever
 * hears that may want to patch as well: that waits until this is done.
 */
export function patch(parent, kids) {
  if (patching) {
    queueMicrotask(() => patch(parent, kids));
    return;
  }
  const focused = document.activeElement;
  patching = true;
  try {
    patchChildren(parent, flatten([kids], []));
  } finally {
    patching = false;
  }
  const lost = focused !== document.activeElement && focused?.isConnected && parent.contains(focused);
  if (lost) focused.focus({ preventScroll: true });
}

function patchChildren(parent, kids) {
  const keyed = keyedChildren(parent);
  let cursor = parent.firstChild;
  for (const kid of kids) {
    const node = existing(kid, cursor, keyed);
    if (node === null) {
      const made = create(kid, parent);
      if (cursor && keyOf(cursor) === undefined && keyOf(kid) === undefined) {
        const next = cursor.nextSibling;
        parent.replaceChild(made, cursor);
        cursor = next;
      } else parent.insertBefore(made, cursor);
      continue;
    }
    if (node === cursor) cursor = cursor.nextSibling;
    else move(parent, node, cursor);
    update(node, kid);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

const keyOf = (it) => (it.nodeType ? it[MADE_OF]?.key : it.key);

function keyedChildren(parent) {
  const map = new Map();
  for (let node = parent.firstChild; node; node = node.nextSibling) {
    const key = keyOf(node);
    if (key !== undefined) map.set(key, node);
  }
  return map;
}

function existing(kid, cursor, keyed) {
  if (kid.key !== undefined) return keyed.get(kid.key) ?? null;
  if (!cursor || keyOf(cursor) !== undefined) return null;
  const same = typeof kid === 'string' ? cursor.nodeType === 3 : cursor[MADE_OF]?.tag === kid.tag;
  return same ? cursor : null;
}

function move(parent, node, before) {
  if (parent.moveBefore) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

function create(kid, parent) {
  if (typeof kid === 'string') return document.createTextNode(kid);
  const inSvg = kid.tag === 'svg' || parent.namespaceURI === SVG;
  const node = inSvg ? document.createElementNS(SVG, kid.tag) : document.createElement(kid.tag);
  update(node, kid);
  return node;
}

function update(node, kid) {
  if (typeof kid === 'string') {
    if (node.data !== kid) node.data = kid;
    return;
  }
  const before = node[MADE_OF]?.attrs ?? {};
  for (const name of Object.keys(before)) if (!(name in kid.attrs)) node.removeAttribute(name);
  for (const [name, value] of Object.entries(kid.attrs)) {
    if (before[name] !== value) setAttribute(node, name, value);
  }
  node[MADE_OF] = kid;
  patchChildren(node, kid.kids);
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? '' : value);
}
