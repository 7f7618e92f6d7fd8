// A workstation: this browser as an enrolled device of the person who is signed in.
// Every act of a person is sealed here, made durable, then sent; what the server
// answers is believed only after it was checked.
//
//   ready()       is this browser enrolled for this person
//   enrol(code)   make a key that cannot leave, and enrol it
//   act(list)     check, seal, save and send acts: [{type, case, body, place}]
//   uploadMedia   a file, named by its digest, sent apart from the acts
//   status()      what stands where; watch(fn) tells of changes
//
// A chain that the server knows further than this browser does (a profile restored
// from a backup, a copied profile) is held: sealing on it would fork it.

import * as store from './store.js';
import * as seal from './seal.js';
import { HTTPError, OfflineError, call, getJSON, postJSON } from './http.js';
import { handIn } from './handin.js';
import { sendMedia } from './media.js';
import { exclusive, me } from './session.js';

export { uploadMedia } from './media.js';
export { exclusive, me } from './session.js';

/** ActError says why an act was not sealed. kind: not_enrolled, held, revoked, offline, signed_out, refused, storage, alarm. */
export class ActError extends Error {
  constructor(kind, message, problems = []) {
    super(message);
    this.name = 'ActError';
    this.kind = kind;
    this.problems = problems;
  }
}

/** What the enrolment says of this device. */
const MODEL = 'browser workstation';
const APP = 'fieldseal desk';

/** After a failed attempt acts are sent again: the first pause, and the longest, in milliseconds. */
const firstPause = 5_000;
const longestPause = 120_000;

const page = { boot: seal.uuid7(), timer: 0, pause: firstPause, watchers: new Set() };
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('fieldseal') : null;

/** clock is this machine's statement of the time: its wall clock with offset, and milliseconds since this page began. */
function clock() {
  const mono = Math.floor(performance.now());
  return { wall: seal.stampOf(new Date()), source: 'device', ...(mono > 0 && { boot: page.boot, mono_ms: mono }) };
}

/** now is the wall clock as acts state it. */
export const now = () => seal.stampOf(new Date());

/** newID makes an identifier for a new thing. */
export const newID = () => seal.uuid7();

/** ready gives this person's workstation in this browser, or null. */
export async function ready() {
  return (await store.workstation(await me())) ?? null;
}

/** enrol makes a key in this browser and enrols it by a one-time code. authority is the fingerprint to insist on, where the person was told one. */
export async function enrol(code, { authority = '' } = {}) {
  const person = await me();
  return exclusive(`enrol-${person}`, async () => {
    const former = await store.workstation(person);
    if (former && !former.hold && !former.revoked && !former.alarm) throw new ActError('refused', 'this browser is enrolled already');
    code = code.trim();
    const begun = await begin(person, code);
    const answer = await ask(begun, code);
    const ws = await believe(answer, begun, code, authority, person);
    const payload = seal.eventPayload({
      type: 'device.genesis', uuid: seal.uuid7(), device: ws.device, seq: 1, actor: person, clock: clock(), seen: ws.seen,
      body: { enrolment: ws.enrolment, key: ws.key, origin: ws.log.origin, model: MODEL, app: APP },
    });
    const first = await record(ws, payload, 1, 'device.genesis');
    Object.assign(ws, { seq: 1, head: first.id });
    await store.enrolled(ws, first);
    await navigator.storage?.persist?.();
    tell();
    await send();
    return ws;
  });
}

/** begin makes key and proof of possession, or finds those of an enrolment whose answer was lost. */
async function begin(person, code) {
  const codeHash = seal.hex(await seal.sha256(seal.utf8(code)));
  const before = await store.enrolling(person);
  if (before?.codeHash === codeHash) return before;
  const signer = await seal.newSigner();
  const statement = await seal.enrolStatement({ code, key: signer.id, nonce: seal.hex(crypto.getRandomValues(new Uint8Array(16))), time: now() });
  const begun = { person, codeHash, pair: signer.pair, proof: await seal.sealLine(seal.ENROL, statement, signer) };
  await store.beginEnrolling(begun);
  return begun;
}

async function ask(begun, code) {
  const signer = await seal.signerOf(begun.pair);
  try {
    return await postJSON('/v1/enrol', { code, model: MODEL, app: APP, proof: begun.proof, key: { id: signer.id, alg: seal.P256, spki: seal.base64(signer.spki) } });
  } catch (cause) {
    throw refusal(cause);
  }
}

/** believe verifies every statement of an enrolment's answer and gives the workstation. */
async function believe(a, begun, code, fingerprint, person) {
  const log = await import('./log.js');
  const fail = (why) => new ActError('alarm', `the server’s answer does not hold: ${why}; nothing was enrolled`);
  const signer = await seal.signerOf(begun.pair);
  try {
    const founding = seal.parsePayload(seal.parseEnvelope(a.authority).payload);
    if (founding.type !== 'authority.genesis') throw fail('what it calls its authority is none');
    const authority = await seal.importKey(founding.body.key);
    const genesis = await seal.verifyEvent(a.authority, authority);
    if (fingerprint && fingerprint !== authority.id) throw fail(`its authority’s fingerprint is ${authority.id}`);
    const enrolment = await seal.verifyEvent(a.enrolment, authority);
    const { type, device: by, body: b } = enrolment.header;
    if (type !== 'device.enrolled' || by !== founding.device) throw fail('what it calls the enrolment is none of its authority');
    if (b.key.id !== signer.id || b.key.spki !== seal.base64(signer.spki)) throw fail('the enrolment names another key');
    if (b.code !== begun.codeHash) throw fail('the enrolment is for another code');
    if (seal.textOf(seal.unbase64(b.proof)) !== begun.proof) throw fail('the enrolment does not carry this key’s proof');
    if (b.device !== a.device || b.person !== a.person || b.org !== a.org || enrolment.id !== a.enrolment_id) throw fail('answer and enrolment differ');
    if (b.person !== person) throw new ActError('refused', 'this code was issued for another person; it is spent now. Ask for a code of your own.');
    const g = genesis.header.body;
    const cp = await log.parseCheckpoint(a.checkpoint, await log.importLogKey(g.log_key));
    if (cp.origin !== g.log_origin || cp.size <= a.enrolment_index) throw fail('its checkpoint does not cover the enrolment');
    return {
      person, personName: a.person_name, org: a.org, orgName: a.org_name, device: a.device, key: signer.id, pair: begun.pair,
      enrolment: a.enrolment_id, enrolmentLine: a.enrolment, authority: authority.id, authorityName: g.name, authorityLine: a.authority,
      log: { origin: g.log_origin, key: g.log_key }, checkpoint: plain(cp), seen: seenOf(cp), enrolledAt: now(), hold: '', revoked: false, alarm: '',
    };
  } catch (cause) {
    throw cause instanceof ActError ? cause : fail(cause.message);
  }
}

/** plain is a checkpoint as it is kept. */
export const plain = ({ size, root, note, digest, cosigned }) => ({ size, root, note, digest, cosigned });

/** seenOf is a checkpoint as an event names it. */
export const seenOf = ({ origin, size, root, digest }) => ({ origin, size, root, note: digest });

/** record seals a payload and gives what is kept of the event. */
async function record(ws, payload, seq, type, caseID) {
  const line = await seal.sealLine(seal.EVENT, payload, await seal.signerOf(ws.pair));
  const { id, signature, header } = await seal.verifyEvent(line, await seal.signerOf(ws.pair));
  return { device: ws.device, seq, person: ws.person, id, uuid: header.uuid, type, case: caseID, line, key: ws.key, signature, wall: header.clock.wall, state: store.LOCAL };
}

/** refusal turns a failed request into an ActError. */
export function refusal(cause) {
  if (cause instanceof OfflineError) return new ActError('offline', cause.message);
  if (cause instanceof HTTPError && cause.status === 401) return new ActError('signed_out', cause.message);
  if (cause instanceof HTTPError) return new ActError('refused', cause.message, cause.body?.problems ?? []);
  return cause;
}

/**
 * act seals acts in this order, next to each other in the chain, all or none, and
 * sends them. It resolves when they are durable here: [{id, uuid, seq, index, status,
 * code, detail}], status "waiting" where the server has not answered yet.
 */
export async function act(list) {
  const person = await me();
  const sealed = await exclusive(`chain-${person}`, async () => {
    const ws = await store.workstation(person);
    if (!ws) throw new ActError('not_enrolled', 'this browser is not enrolled for you');
    await mayExtend(ws);
    const drafts = list.map((a) => ({ type: a.type, case: a.case, body: a.body, place: a.place, uuid: seal.uuid7() }));
    await checked(drafts);
    const events = [];
    let { seq, head } = ws;
    for (const d of drafts) {
      const payload = seal.eventPayload({ ...d, device: ws.device, seq: seq + 1, prev: head, actor: person, clock: clock(), seen: ws.seen });
      const e = await record(ws, payload, seq + 1, d.type, d.case);
      events.push(e);
      ({ seq, id: head } = e);
    }
    await store.append(person, ws.device, ws.head, events);
    return events;
  });
  tell();
  await send();
  return Promise.all(sealed.map(async (e) => outcome(await store.event(e.device, e.seq))));
}

function outcome(e) {
  const status = { [store.LOCAL]: 'waiting', [store.SENT]: 'accepted', [store.PROVEN]: 'accepted' }[e.state] ?? e.state;
  return { id: e.id, uuid: e.uuid, seq: e.seq, type: e.type, index: e.index, status, code: e.code, detail: e.detail };
}

/** checked asks the server whether it would take the acts, before anything is sealed. */
async function checked(drafts) {
  let answer;
  try {
    const r = await call('POST', '/v1/check', {
      body: seal.encode({ acts: drafts.map(({ type, case: c, body, place }) => ({ type, case: c, body, place })) }), headers: { 'Content-Type': 'application/json' },
    });
    answer = await r.json();
  } catch (cause) {
    throw refusal(cause);
  }
  if (answer.problems?.length) throw new ActError('refused', answer.problems.map((p) => p.message).join('\n'), answer.problems);
}

/** mayExtend refuses to seal on a chain that the server knows further or otherwise than this browser. */
async function mayExtend(ws) {
  if (ws.hold) throw new ActError('held', ws.hold);
  if (ws.alarm) throw new ActError('alarm', ws.alarm);
  let head;
  try {
    head = await getJSON(`/v1/devices/${ws.device}/head`);
  } catch (cause) {
    throw refusal(cause);
  }
  if (head.revoked) {
    await store.amend(ws.person, { revoked: true });
    tell();
    throw new ActError('revoked', 'this workstation’s key was revoked');
  }
  const known = head.seq > 0 && head.seq <= ws.seq ? await store.event(ws.device, head.seq) : null;
  if (head.max_seq > ws.seq || (known && known.id !== head.id)) {
    await store.amend(ws.person, { hold: `${head.max_seq}>${ws.seq}` });
    tell();
    throw new ActError('held', `${head.max_seq}>${ws.seq}`);
  }
}

/** send hands in what waits, files too, one tab at a time, and comes back by itself later where it could not. */
export async function send() {
  clearTimeout(page.timer);
  page.timer = 0;
  let left = true;
  let problem = '';
  try {
    const person = await me();
    await exclusive(`send-${person}`, async () => {
      await handIn(person);
      await sendMedia(person);
    });
    left = (await store.count(person, store.LOCAL)) > 0 || (await store.media(person)).length > 0;
    page.pause = firstPause;
  } catch (cause) {
    problem = cause.message;
    if (!(cause instanceof OfflineError || cause instanceof HTTPError)) console.warn(cause);
  }
  page.problem = problem;
  if (left) {
    page.timer = setTimeout(send, page.pause);
    page.pause = Math.min(page.pause * 2, longestPause);
  }
  tell();
}

/**
 * status tells where this browser stands: {enrolled, person, personName, orgName, device, key,
 * seq, waiting, files, quarantined, refused, proven, sent, checkpoint, hold, revoked, alarm, problem, persistent}.
 */
export async function status() {
  const person = await me();
  const ws = await store.workstation(person);
  const [waiting, sent, proven, quarantined, refused, files] = await Promise.all([
    ...[store.LOCAL, store.SENT, store.PROVEN, store.QUARANTINED, store.REFUSED].map((s) => store.count(person, s)), store.media(person)]);
  return {
    ...(ws && { personName: ws.personName, orgName: ws.orgName, device: ws.device, key: ws.key, seq: ws.seq, head: ws.head, checkpoint: ws.checkpoint, authority: ws.authority,
      authorityName: ws.authorityName, log: ws.log, enrolledAt: ws.enrolledAt, hold: ws.hold, revoked: ws.revoked, alarm: ws.alarm }),
    enrolled: Boolean(ws), person, waiting, sent, proven, quarantined, refused, files: files.length, problem: page.problem ?? '',
    persistent: (await navigator.storage?.persisted?.()) ?? false,
  };
}

/** unsent is every exact line that the server has not acknowledged, as a file for any other way to it. */
export async function unsent() {
  const person = await me();
  const list = [...(await store.events(person, store.LOCAL)), ...(await store.events(person, store.REFUSED))];
  return new Blob(list.map((e) => `${e.line}\n`), { type: 'application/x-ndjson' });
}

/** watch calls fn with the status now and whenever it changes, in this tab or another. */
export function watch(fn) {
  page.watchers.add(fn);
  status().then(fn, console.warn);
}

function tell(elsewhere = true) {
  if (page.watchers.size) status().then((s) => page.watchers.forEach((fn) => fn(s)), console.warn);
  if (elsewhere) channel?.postMessage('changed');
}

channel?.addEventListener('message', () => tell(false));
globalThis.addEventListener('online', () => send());

// What an earlier page left waiting is sent by the next one.
status().then((s) => (s.waiting || s.files) && send(), () => {}); // without storage there is nothing to send, and the page says so
