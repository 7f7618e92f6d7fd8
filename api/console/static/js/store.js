// What this browser keeps, in IndexedDB: workstations with their keys, the exact
// lines they sealed, files on their way, drafts, and evidence of a server that lied.
//
// A key is a CryptoKey that cannot be taken out; IndexedDB keeps the handle. What is
// sealed is written with durability "strict" before anybody is told that it is saved.
// Chains are extended by compare-and-set within one transaction, so that two tabs
// cannot fork a chain even where Web Locks are missing.

const NAME = 'fieldseal';
const VERSION = 1;

/** States of an event: sealed here; with a checked receipt; shown to be in the log; kept apart by the server; not taken at all. */
export const LOCAL = 'local';
export const SENT = 'sent';
export const PROVEN = 'proven';
export const QUARANTINED = 'quarantined';
export const REFUSED = 'refused';

/** StoreError says that this browser cannot keep what must be kept. */
export class StoreError extends Error {
  constructor(message, cause) {
    super(message, { cause });
    this.name = 'StoreError';
  }
}

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opening = null;

/**
 * open gives the browser's one database. It is opened behind a lock: a page that holds
 * one is not frozen into the back/forward cache, where a database half made would keep
 * every later page waiting.
 */
export function open() {
  opening ??= navigator.locks ? navigator.locks.request('fieldseal-store', connect) : connect();
  return opening;
}

function connect() {
  return new Promise((resolve, reject) => {
    const fail = (why, cause) => {
      opening = null;
      reject(new StoreError(why, cause));
    };
    if (!globalThis.indexedDB) return fail('this browser keeps nothing: IndexedDB is missing or turned off');
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore('workstations', { keyPath: 'person' });
      db.createObjectStore('enrolling', { keyPath: 'person' });
      const events = db.createObjectStore('events', { keyPath: ['device', 'seq'] });
      events.createIndex('state', ['person', 'state']);
      const media = db.createObjectStore('media', { keyPath: ['person', 'sha256'] });
      media.createIndex('person', 'person');
      db.createObjectStore('drafts', { keyPath: ['person', 'name'] });
      db.createObjectStore('faults', { keyPath: 'no', autoIncrement: true });
    };
    request.onerror = () => fail('this browser’s storage cannot be opened', request.error);
    request.onblocked = () => fail('another tab holds an older version of this desk open: close it and load this page again');
    request.onsuccess = () => {
      const db = request.result;
      db.onversionchange = () => db.close();
      resolve(db);
    };
    return undefined;
  });
}

/**
 * change runs fn in one transaction over stores and resolves when it is durable.
 * fn may only await requests of the transaction. A failed one leaves nothing behind.
 */
export async function change(stores, fn) {
  const db = await open();
  const tx = db.transaction(stores, 'readwrite', { durability: 'strict' });
  const complete = new Promise((resolve, reject) => {
    tx.oncomplete = resolve;
    tx.onabort = () => reject(new StoreError(tx.error?.name === 'QuotaExceededError'
      ? 'this browser’s storage is full: nothing of this was saved' : 'this browser’s storage did not save', tx.error));
  });
  complete.catch(() => {}); // reported below, or by fn's own failure
  let out;
  try {
    out = await fn(tx, done);
  } catch (cause) {
    try {
      tx.abort();
    } catch {
      // it has ended by itself, which onabort reports
    }
    throw cause;
  }
  await complete;
  return out;
}

async function read(store, fn) {
  const db = await open();
  return done(fn(db.transaction(store, 'readonly').objectStore(store)));
}

/** workstation is that of a person in this browser, undefined where there is none. */
export const workstation = (person) => read('workstations', (s) => s.get(person));

/** enrolling is an enrolment that was begun and whose answer has not come. */
export const enrolling = (person) => read('enrolling', (s) => s.get(person));

/** beginEnrolling keeps key and proof before they are sent, so that a lost answer can be asked for again. */
export const beginEnrolling = (record) => change(['enrolling'], (tx) => tx.objectStore('enrolling').put(record));

/** enrolled makes the workstation and its first event durable together. */
export function enrolled(ws, first) {
  return change(['workstations', 'enrolling', 'events'], (tx) => {
    tx.objectStore('workstations').put(ws);
    tx.objectStore('events').add(first);
    tx.objectStore('enrolling').delete(ws.person);
  });
}

/**
 * append adds sealed events to a chain whose head is still the one that they were
 * sealed on, and gives the workstation's new record. It throws StoreError with
 * name "Moved" where another tab was quicker; then nothing was saved.
 */
export function append(person, device, prev, events) {
  return change(['workstations', 'events'], async (tx) => {
    const ws = await done(tx.objectStore('workstations').get(person));
    if (!ws || ws.device !== device || ws.head !== prev || ws.hold) {
      throw Object.assign(new StoreError('the chain has moved on in another tab; nothing was sealed'), { name: 'Moved' });
    }
    for (const e of events) tx.objectStore('events').add(e);
    const last = events.at(-1);
    Object.assign(ws, { seq: last.seq, head: last.id });
    tx.objectStore('workstations').put(ws);
    return ws;
  });
}

/** amend changes members of a workstation's record and gives the new one. */
export function amend(person, fields) {
  return change(['workstations'], async (tx) => {
    const ws = await done(tx.objectStore('workstations').get(person));
    Object.assign(ws, fields);
    tx.objectStore('workstations').put(ws);
    return ws;
  });
}

/** events lists a person's events in a state, in order of their chains. */
export const events = (person, state) => read('events', (s) => s.index('state').getAll([person, state]));

/** count counts them. */
export const count = (person, state) => read('events', (s) => s.index('state').count([person, state]));

/** event is one event of a chain. */
export const event = (device, seq) => read('events', (s) => s.get([device, seq]));

/** settle writes what became of events: a list of [event, fields]. */
export function settle(list) {
  return change(['events'], async (tx) => {
    const s = tx.objectStore('events');
    for (const [e, fields] of list) {
      const now = await done(s.get([e.device, e.seq]));
      s.put(Object.assign(now, fields));
    }
  });
}

/** keepMedia keeps a file until the server has it. */
export const keepMedia = (record) => change(['media'], (tx) => tx.objectStore('media').put(record));

/** media lists a person's files on their way. */
export const media = (person) => read('media', (s) => s.index('person').getAll(person));

/** dropMedia forgets a file that the server has. */
export const dropMedia = (person, sha256) => change(['media'], (tx) => tx.objectStore('media').delete([person, sha256]));

/** draft is something unfinished that a person left; undefined where there is none. */
export const draft = (person, name) => read('drafts', (s) => s.get([person, name])).then((d) => d?.value);

/** keepDraft keeps something unfinished; undefined deletes it. */
export function keepDraft(person, name, value) {
  return change(['drafts'], (tx) => {
    const s = tx.objectStore('drafts');
    if (value === undefined) s.delete([person, name]);
    else s.put({ person, name, value, at: Date.now() });
  });
}

/** drafts lists a person's drafts whose name begins with a prefix. */
export const drafts = (person, prefix) => read('drafts', (s) => s.getAll(IDBKeyRange.bound([person, prefix], [person, `${prefix}\uffff`])));

/** fault keeps evidence of a server's answer that does not hold. */
export const fault = (record) => change(['faults'], (tx) => tx.objectStore('faults').add({ at: Date.now(), ...record }));

/** faults lists them. */
export const faults = () => read('faults', (s) => s.getAll());
