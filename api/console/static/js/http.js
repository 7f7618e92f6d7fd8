// Requests to this server and no other: the session's cookie goes along by itself,
// the CSRF token as a header. Errors carry what the server said.

/** HTTPError is an answer of 400 or above; code and message are the server's words for a person. */
export class HTTPError extends Error {
  constructor(status, code, message, body) {
    super(message);
    this.name = 'HTTPError';
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

/** OfflineError says that no answer came. */
export class OfflineError extends Error {
  constructor(cause) {
    super('no answer from the server', { cause });
    this.name = 'OfflineError';
  }
}

/** Longer than any honest answer of the API takes; an upload of a chunk has its own. */
const patience = 60_000;

const csrf = () => document.querySelector('meta[name=csrf]')?.content ?? '';

/** call sends a request and gives the Response of a success. */
export async function call(method, path, { body, headers = {}, wait = patience } = {}) {
  const safe = method === 'GET' || method === 'HEAD';
  let r;
  try {
    r = await fetch(path, {
      method,
      body,
      headers: safe ? headers : { ...headers, 'X-CSRF-Token': csrf() },
      credentials: 'same-origin',
      redirect: 'error',
      cache: 'no-store',
      signal: AbortSignal.timeout(wait),
    });
  } catch (cause) {
    throw new OfflineError(cause);
  }
  if (r.ok) return r;
  const text = await r.text().catch(() => '');
  let said = {};
  try {
    said = JSON.parse(text).error ?? {};
  } catch {
    // not the API's form: a proxy's words are not shown
  }
  throw new HTTPError(r.status, said.code ?? '', said.message ?? `HTTP ${r.status}`, said);
}

/** getJSON reads a JSON answer. */
export const getJSON = async (path) => (await call('GET', path)).json();

/** postJSON sends JSON and reads a JSON answer. */
export async function postJSON(path, value) {
  const r = await call('POST', path, { body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
  return r.status === 204 ? null : r.json();
}
