// The live stream. All tabs of a browser share one connection: the tab that holds the lock reads the stream
// and passes each message on. Without Web Locks (plain http that is not localhost) each tab reads for itself.
// EventSource cannot send a key, so the stream is read with fetch.

import { headers, refusal } from './api.js';

const LOCK = 'foreroute.stream';
const BACKOFF_MIN_MS = 1_000;
const BACKOFF_MAX_MS = 15_000;
const SILENCE_MAX_MS = 45_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Follow the stream for as long as the page lives.
 * on.tick(data) for each tick; on.link('live' | 'lost' | 'starting' | 'key') when the connection changes.
 * Returns { resume } to go on after an admin key was entered.
 */
export function follow(on) {
  const shared = navigator.locks && 'BroadcastChannel' in window;
  const channel = shared ? new BroadcastChannel(LOCK) : null;
  let resume = () => {};
  let link = null;

  const tell = (kind, value) => {
    if (kind === 'link') link = value;
    on[kind](value);
    channel?.postMessage({ kind, value });
  };
  if (channel) {
    channel.onmessage = ({ data: { kind, value } }) => {
      if (kind === 'tick' || kind === 'link') on[kind](value);
      // A tab that has just opened asks the one that reads how the connection is.
      if (kind === 'hello' && link !== null) channel.postMessage({ kind: 'link', value: link });
    };
    channel.postMessage({ kind: 'hello' });
  }

  const lead = async () => {
    for (;;) {
      const run = () => readUntilRefused(tell, on);
      await (shared ? navigator.locks.request(LOCK, run) : run());
      link = null;
      // A key is missing here; another tab may have one and lead meanwhile.
      await new Promise((resolve) => (resume = resolve));
    }
  };
  lead();
  return { resume: () => resume() };
}

/** Read, and connect again with growing pauses; comes back only when the server asks for a key. */
async function readUntilRefused(tell, on) {
  let wait = BACKOFF_MIN_MS;
  for (;;) {
    const outcome = await readOnce((tick) => {
      wait = BACKOFF_MIN_MS;
      tell('link', 'live');
      tell('tick', tick);
    });
    if (outcome === 'key') {
      on.link('key');
      return;
    }
    tell('link', outcome);
    await pause(wait * (0.8 + 0.4 * Math.random()));
    wait = Math.min(wait * 2, BACKOFF_MAX_MS);
  }
}

async function readOnce(onTick) {
  const abort = new AbortController();
  let watchdog = 0;
  const heard = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => abort.abort(), SILENCE_MAX_MS);
  };
  heard();
  try {
    const response = await fetch('/api/stream', {
      headers: headers({ Accept: 'text/event-stream' }),
      signal: abort.signal,
      cache: 'no-store',
    });
    if (!response.ok) return meaning(await refusal(response));
    await readEvents(response.body, heard, (event, data) => {
      if (event === 'tick') onTick(JSON.parse(data));
    });
    return 'lost';
  } catch {
    return 'lost';
  } finally {
    clearTimeout(watchdog);
    abort.abort();
  }
}

export function meaning(error) {
  if (error.status === 401) return 'key';
  return error.status === 503 ? 'starting' : 'lost';
}

/** Parse text/event-stream: blocks of `event:` and `data:` lines with an empty line behind each. */
async function readEvents(body, heard, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) parseBlock(block, onEvent);
  }
}

function parseBlock(block, onEvent) {
  let event = 'message';
  const data = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
  if (data.length) onEvent(event, data.join('\n'));
}
