// Files: named by the SHA-256 of their original bytes, kept in this browser until the
// server has them whole, and sent by tus 1.0.0, apart from the events that name them.

import * as store from './store.js';
import { HTTPError, OfflineError, call } from './http.js';
import { base64, hex, sha256, utf8 } from './seal.js';
import { exclusive, me } from './session.js';
import { t } from './words.js';

/** The largest file that is taken: it is digested and kept in one piece. */
export const maxFile = 256 << 20;

/** Bytes sent at a time, and how long one such piece may take, in milliseconds. */
const chunk = 2 << 20;
const chunkWait = 300_000;

/** Times that one file is asked for its offset again before it is left for later. */
const maxStuck = 5;

/** FileError says that a file cannot be taken. */
export class FileError extends Error {
  constructor(message) {
    super(message);
    this.name = 'FileError';
  }
}

/**
 * uploadMedia takes a file in: {sha256, size, type, name} as events name it. It
 * resolves when the file is safe: at the server, or, while that cannot be reached, in
 * this browser, from where it is sent later by itself.
 */
export async function uploadMedia(file) {
  if (!file.size) throw new FileError(t('act.file.empty'));
  if (file.size > maxFile) throw new FileError(t('act.file.large', maxFile >> 20));
  const person = await me();
  const bytes = await file.arrayBuffer();
  const digest = hex(await sha256(bytes));
  const type = /^[\w.+-]+\/[\w.+-]+$/.test(file.type) ? file.type : 'application/octet-stream';
  const name = (file.name ?? '').slice(0, 255);
  await store.keepMedia({ person, sha256: digest, size: file.size, type, name, blob: new Blob([bytes], { type }) });
  try {
    await exclusive(`send-${person}`, () => one(person, { sha256: digest, size: file.size, type, name, blob: file }));
  } catch (cause) {
    if (!(cause instanceof OfflineError || cause instanceof HTTPError)) throw cause;
  }
  return { sha256: digest, size: file.size, type, ...(name && { name }) };
}

/** sendMedia sends every file that waits; behind the lock of sending. */
export async function sendMedia(person) {
  for (const m of await store.media(person)) await one(person, m);
}

const tus = (more) => ({ 'Tus-Resumable': '1.0.0', ...more });

async function one(person, m) {
  const meta = [['sha256', m.sha256], ['filetype', m.type], ['filename', m.name]].map(([k, v]) => `${k} ${base64(utf8(v))}`).join(',');
  const made = await call('POST', '/v1/media/uploads', { headers: tus({ 'Upload-Length': String(m.size), 'Upload-Metadata': meta }) });
  if (made.headers.get('Fieldseal-Media') !== 'held') {
    const place = new URL(made.headers.get('Location'), new URL('/v1/media/uploads', location.href));
    if (place.origin !== location.origin) throw new FileError('the upload was given a place on another server');
    await transfer(place.pathname, m);
  }
  await store.dropMedia(person, m.sha256);
}

/** transfer sends what the server lacks; after a failure it asks how much arrived. */
async function transfer(path, m) {
  let offset = 0;
  for (let stuck = 0; offset < m.size;) {
    try {
      const r = await call('PATCH', path, {
        body: m.blob.slice(offset, offset + chunk), wait: chunkWait,
        headers: tus({ 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream' }),
      });
      offset = acknowledged(r, m);
      stuck = 0;
    } catch (cause) {
      if (!(cause instanceof OfflineError || (cause instanceof HTTPError && [409, 423].includes(cause.status))) || ++stuck > maxStuck) throw cause;
      offset = acknowledged(await call('HEAD', path, { headers: tus({}) }), m);
    }
  }
}

function acknowledged(r, m) {
  const n = Number(r.headers.get('Upload-Offset'));
  if (!Number.isSafeInteger(n) || n < 0 || n > m.size) throw new FileError('the server says that it has more of the file than there is');
  return n;
}
