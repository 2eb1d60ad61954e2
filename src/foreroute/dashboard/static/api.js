// Requests to the server: JSON in, JSON out, with the admin key if one was entered in this tab.

const KEY = 'foreroute.admin-key';
const TIMEOUT_MS = 10_000;

export class ApiError extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint ?? '';
  }
}

export function adminKey() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function keepAdminKey(key) {
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // A browser that keeps nothing asks again after a reload.
  }
}

export function headers(more = {}) {
  const key = adminKey();
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

export async function get(path) {
  return answer(fetch(path, { headers: headers(), signal: AbortSignal.timeout(TIMEOUT_MS) }));
}

/** A file of the server's, named by it, into the reader's downloads: a plain link could not send the key. */
export async function download(path) {
  const response = await fetch(path, { headers: headers(), signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw await refusal(response);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="(.+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? '';
  link.click();
  URL.revokeObjectURL(link.href);
}

export async function post(path, body) {
  const sent = fetch(path, {
    method: 'POST',
    headers: headers({ 'Content-Type': 'application/json' }),
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return answer(sent);
}

export async function remove(path) {
  const sent = fetch(path, {
    method: 'DELETE',
    headers: headers({ 'Content-Type': 'application/json' }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return answer(sent);
}

async function answer(sent) {
  const response = await sent;
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** The server's own words where it has any. */
export async function refusal(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, error.message ?? `HTTP ${response.status}`, error.hint);
  } catch {
    return new ApiError(response.status, `HTTP ${response.status}`);
  }
}
