// Sealing in the browser: what section 1 and 2 of the mobile contract ask of a
// device. Pure functions over bytes and WebCrypto; no storage, no network, no clock.
//
// Bytes are made once: eventPayload gives the text that is signed, stored and sent.
// A key is ECDSA P-256; WebCrypto signs r‖s, envelopes carry ASN.1 DER. What others
// sealed (the authority's enrolment, checkpoints) may be by Ed25519 too.

import { decode, encode, utf8Text } from './json.js';

export { decode, encode } from './json.js';

/** Payload types that a key seals. */
export const EVENT = 'application/vnd.fieldseal.event.v1+json';
export const ENROL = 'application/vnd.fieldseal.enrol.v1+json';
export const AUTH = 'application/vnd.fieldseal.auth.v1+json';

/** The algorithms as enrolments name them. */
export const P256 = 'ecdsa-p256-sha256';
export const ED25519 = 'ed25519';

/** The contract's limits: bytes of a payload and of a line, signatures of a line, bytes of a signature. */
export const maxPayload = 256 << 10;
export const maxLine = Math.floor((maxPayload * 4) / 3) + 4096;
const maxSignatures = 4;
const maxSignature = 80;
const maxSeq = 2 ** 50;

/** The schema version that this code writes. */
export const version = 1;

/** SealError says at which layer of the contract something was refused, and as what. */
export class SealError extends Error {
  constructor(layer, code, message) {
    super(message);
    this.name = 'SealError';
    this.layer = layer;
    this.code = code;
  }
}

const encoder = new TextEncoder();

/** utf8 gives the bytes of a text. */
export const utf8 = (text) => encoder.encode(text);

/** concat joins byte arrays. */
export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** hex writes bytes as lower-case hex digits. */
export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** isDigest reports whether a text is 64 lower-case hex digits. */
export const isDigest = (text) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);

/** unhex reads lower-case hex digits. */
export function unhex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new RangeError(`${text.slice(0, 80)} is not lower-case hex`);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** base64 writes bytes in the standard alphabet with padding. */
export function base64(bytes) {
  let s = '';
  for (let i = 0; i < bytes.length; i += 0x8000) s += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(s);
}

/** unbase64 reads canonical base64 only: standard alphabet, padded, no stray bits, no white space. */
export function unbase64(text) {
  if (typeof text !== 'string' || text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new RangeError('not standard base64');
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  if (base64(bytes) !== text) throw new RangeError('base64 with stray bits');
  return bytes;
}

/** sha256 digests bytes. */
export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));

/** pae is DSSE's pre-authentication encoding: the bytes that are signed. */
export function pae(type, payload) {
  const name = utf8(type);
  return concat(utf8(`DSSEv1 ${name.length} `), name, utf8(` ${payload.length} `), payload);
}

/** eventID is SHA-256 over the PAE of an event's payload, in hex. */
export const eventID = async (payload) => hex(await sha256(pae(EVENT, payload)));

/** isUUID reports whether a text is a UUID in its one form. */
export const isUUID = (text) => typeof text === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** uuid7 makes a UUIDv7 (RFC 9562, 5.7) of a time in milliseconds and 10 random bytes. */
export function uuid7(ms = Date.now(), random = crypto.getRandomValues(new Uint8Array(10))) {
  const b = new Uint8Array(16);
  for (let i = 0; i < 6; i++) b[i] = Math.floor(ms / 2 ** (40 - 8 * i)) & 0xff;
  b.set(random.subarray(0, 10), 6);
  b[6] = (b[6] & 0x0f) | 0x70;
  b[8] = (b[8] & 0x3f) | 0x80;
  return hex(b).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** isStamp reports whether a text is a time: RFC 3339 with seconds and an offset, at most nine digits of a second, from 1970 on. */
export function isStamp(text) {
  const m = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-](\d\d):(\d\d))$/.exec(text);
  if (!m) return false;
  const [hour, minute, second] = m.slice(4, 7).map(Number);
  return isDay(text.slice(0, 10)) && Number(m[1]) >= 1970 && hour < 24 && minute < 60 && second < 60
    && (m[8] === 'Z' || (Number(m[9]) < 24 && Number(m[10]) < 60));
}

/** isDay reports whether a text is a calendar day, YYYY-MM-DD. */
export function isDay(text) {
  const m = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!m) return false;
  const [year, month, day] = m.slice(1).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && month <= 12 && day >= 1 && day <= days;
}

/** stampOf writes an instant with the offset that this machine's clock shows, to the millisecond. */
export function stampOf(date, offsetMinutes = -date.getTimezoneOffset()) {
  const local = new Date(date.getTime() + offsetMinutes * 60000).toISOString().slice(0, 23);
  if (offsetMinutes === 0) return `${local}Z`;
  const two = (n) => String(Math.floor(n)).padStart(2, '0');
  const off = Math.abs(offsetMinutes);
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(off / 60)}:${two(off % 60)}`;
}

/** decimal reads a figure as a person writes it into {n, s}: every digit shown is kept. Null where it is none. */
export function decimal(text) {
  const m = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text.trim());
  if (!m || (m[3] ?? '').length > 18) return null;
  const n = BigInt(`${m[2]}${m[3] ?? ''}`) * (m[1] === '-' ? -1n : 1n);
  if (n > 2n ** 63n - 1n || n < -(2n ** 63n)) return null;
  return { n: Number.isSafeInteger(Number(n)) ? Number(n) : n, s: (m[3] ?? '').length };
}

/** decimalText writes {n, s} as a person reads it. */
export function decimalText(d) {
  const n = BigInt(d.n);
  const digits = (n < 0n ? -n : n).toString().padStart(d.s + 1, '0');
  const at = digits.length - d.s;
  return `${n < 0n ? '-' : ''}${digits.slice(0, at)}${d.s ? `.${digits.slice(at)}` : ''}`;
}

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** rawToDER turns WebCrypto's r‖s into the one DER encoding. */
export function rawToDER(raw) {
  if (raw.length !== 64) throw new RangeError(`a P-256 signature has 64 bytes, not ${raw.length}`);
  const integer = (b) => {
    let i = 0;
    while (i < b.length - 1 && b[i] === 0) i++;
    const v = b[i] & 0x80 ? concat([0], b.subarray(i)) : b.subarray(i);
    return concat([0x02, v.length], v);
  };
  const body = concat(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
  return concat([0x30, body.length], body);
}

/** derToRaw reads the one DER encoding of a P-256 signature into r‖s; null for any other bytes. */
export function derToRaw(der) {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const n = der[at + 1];
    if (der[at] !== 0x02 || !(n >= 1 && n <= 33) || der.length < at + 2 + n) return null;
    let v = der.subarray(at + 2, at + 2 + n);
    if (v[0] & 0x80 || (v[0] === 0 && (n === 1 || !(v[1] & 0x80))) || (n === 33 && v[0] !== 0)) return null;
    if (n === 33) v = v.subarray(1);
    raw.set(v, end - v.length);
    at += 2 + n;
  }
  return at === der.length ? raw : null;
}

/** signatureDigest is SHA-256 over r and the smaller of s and n-s; of Ed25519 over its 64 bytes. */
export async function signatureDigest(alg, sig) {
  const raw = alg === P256 ? derToRaw(sig) : null;
  if (!raw) return hex(await sha256(sig));
  const s = BigInt(`0x${hex(raw.subarray(32))}`);
  if (s > order / 2n) raw.set(unhex((order - s).toString(16).padStart(64, '0')), 32);
  return hex(await sha256(raw));
}

/** What a canonical SubjectPublicKeyInfo starts with, before the key's own bytes. */
const spkiPrefix = {
  [P256]: [unhex('3059301306072a8648ce3d020106082a8648ce3d03010703420004'), 64],
  [ED25519]: [unhex('302a300506032b6570032100'), 32],
};

/** importKey reads a public key stated as {id?, alg, spki} (base64); it throws SealError for any that may not be enrolled. */
export async function importKey(info) {
  const refuse = (why) => new SealError('key', 'WRONG_KEY', `the key cannot be used: ${why}`);
  const known = spkiPrefix[info.alg];
  if (!known) throw refuse(`unknown algorithm ${info.alg}`);
  let spki;
  try {
    spki = unbase64(info.spki);
  } catch (cause) {
    throw refuse(cause.message);
  }
  const [prefix, rest] = known;
  if (spki.length !== prefix.length + rest || prefix.some((b, i) => spki[i] !== b)) throw refuse(`not a canonical ${info.alg} key`);
  const id = hex(await sha256(spki));
  if (info.id !== undefined && info.id !== id) throw refuse(`its id is ${id}, stated is ${info.id}`);
  const params = info.alg === P256 ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' };
  let key;
  try {
    key = await crypto.subtle.importKey('spki', spki, params, true, ['verify']);
  } catch (cause) {
    throw refuse(cause.name === 'NotSupportedError' ? 'this browser does not know Ed25519; use a newer one' : 'it is no point of the curve');
  }
  return { id, alg: info.alg, spki, key };
}

/** checkSignature reports whether a signature is the key's over the bytes. */
export async function checkSignature(pub, signed, sig) {
  if (pub.alg === ED25519) return sig.length === 64 && crypto.subtle.verify('Ed25519', pub.key, sig, signed);
  const raw = derToRaw(sig);
  return raw !== null && crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, pub.key, raw, signed);
}

/** signerOf makes a signer of a CryptoKeyPair on P-256: {id, alg, spki, pair}. */
export async function signerOf(pair) {
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  return { id: hex(await sha256(spki)), alg: P256, spki, key: pair.publicKey, pair };
}

/** newSigner makes a key whose private half cannot be taken out of this browser. */
export async function newSigner() {
  return signerOf(await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']));
}

/** sealLine seals payload bytes: the envelope's line. The signature just made is checked before it is given out. */
export async function sealLine(type, payload, signer) {
  const signed = pae(type, payload);
  const sig = rawToDER(new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, signer.pair.privateKey, signed)));
  if (!(await checkSignature(signer, signed, sig))) throw new SealError('signature', 'BAD_SIGNATURE', 'the signature just made does not verify');
  return `{"payloadType":"${type}","payload":"${base64(payload)}","signatures":[{"keyid":"${signer.id}","sig":"${base64(sig)}"}]}`;
}

/** parseEnvelope reads one line strictly: {type, payload, signatures: [{keyid, sig}]}. It throws SealError. */
export function parseEnvelope(line) {
  const refuse = (why, code = 'MALFORMED_ENVELOPE') => new SealError('envelope', code, why);
  const bytes = typeof line === 'string' ? utf8(line) : line;
  if (bytes.length > maxLine) throw refuse(`${bytes.length} bytes, at most ${maxLine} are taken`, 'TOO_LARGE');
  let w;
  try {
    w = decode(bytes);
  } catch (cause) {
    throw refuse(cause.message);
  }
  const exactly = (v, names, what) => {
    if (v === null || typeof v !== 'object' || Array.isArray(v)) throw refuse(`${what} is not an object`);
    for (const n of Object.keys(v)) if (!names.includes(n)) throw refuse(`${what} has an unknown member ${n.slice(0, 80)}`);
  };
  exactly(w, ['payloadType', 'payload', 'signatures'], 'the envelope');
  const { payloadType = '', payload = '', signatures = [] } = w;
  if (typeof payloadType !== 'string' || !Array.isArray(signatures)) throw refuse('a member is of the wrong kind');
  if (signatures.length < 1 || signatures.length > maxSignatures) throw refuse(`${signatures.length} signatures, must have 1 to ${maxSignatures}`);
  try {
    return {
      type: payloadType,
      payload: unbase64(payload),
      signatures: signatures.map((s) => {
        exactly(s, ['keyid', 'sig'], 'a signature');
        if (!isDigest(s.keyid)) throw new RangeError('a keyid is not 64 lower-case hex digits');
        const sig = unbase64(s.sig);
        if (sig.length < 1 || sig.length > maxSignature) throw new RangeError('a signature has the wrong length');
        return { keyid: s.keyid, sig };
      }),
    };
  } catch (cause) {
    throw cause instanceof SealError ? cause : refuse(cause.message);
  }
}

/** Members of a payload's header: name to a check of its value; those of needed must be there. */
const header = {
  v: (x) => x === version,
  type: (x) => typeof x === 'string',
  uuid: isUUID,
  case: isUUID,
  device: isUUID,
  seq: (x) => Number.isSafeInteger(x),
  prev: isDigest,
  actor: isUUID,
  clock: (x) => isObject(x) && only(x, ['wall', 'source', 'boot', 'mono_ms']) && x.wall && 'source' in x,
  seen: (x) => isObject(x) && only(x, ['origin', 'size', 'root', 'note']) && Object.keys(x).length === 4,
  place: (x) => isObject(x),
  body: () => true,
};
const needed = ['v', 'type', 'uuid', 'device', 'seq', 'actor', 'clock', 'body'];
const zeroUUID = '00000000-0000-0000-0000-000000000000';

function isObject(x) {
  return x !== null && typeof x === 'object' && !Array.isArray(x);
}

function only(x, names) {
  return Object.keys(x).every((n) => names.includes(n));
}

/** hasNull finds the first null in a value; nothing sealed has one. */
function hasNull(x) {
  return x === null || (typeof x === 'object' && Object.values(x).some(hasNull));
}

/** parsePayload reads an event's payload: form and header. Whether the body is one of its type is the server's to check. */
export function parsePayload(payload) {
  const refuse = (code, why) => new SealError('payload', code, why);
  if (payload.length > maxPayload) throw refuse('TOO_LARGE', `${payload.length} bytes, at most ${maxPayload} are taken`);
  let p;
  try {
    p = decode(payload);
  } catch (cause) {
    throw refuse('MALFORMED_PAYLOAD', cause.message);
  }
  if (!isObject(p)) throw refuse('MALFORMED_PAYLOAD', 'the payload is not an object');
  if (typeof p.v === 'bigint' || (Number.isSafeInteger(p.v) && p.v > version)) throw refuse('FUTURE_SCHEMA', `version ${p.v}`);
  if (hasNull(p)) throw refuse('MALFORMED_PAYLOAD', 'a member is null');
  for (const [name, v] of Object.entries(p)) {
    if (!Object.hasOwn(header, name)) throw refuse('MALFORMED_PAYLOAD', `unknown member ${name.slice(0, 80)}`);
    if (!header[name](v)) throw refuse('MALFORMED_PAYLOAD', `${name} is malformed`);
  }
  for (const name of needed) if (!(name in p)) throw refuse('MALFORMED_PAYLOAD', `${name} is missing`);
  const why = headerFault(p);
  if (why) throw refuse('INVALID_EVENT', why);
  return p;
}

function headerFault(p) {
  if (!isObject(p.body)) return 'body must be an object';
  for (const name of ['uuid', 'device', 'actor']) if (p[name] === zeroUUID) return `${name} is missing`;
  if (p.seq < 1 || p.seq > maxSeq) return 'seq is out of range';
  if ((p.seq === 1) !== !('prev' in p)) return 'prev is absent in a first event and present in every other';
  if (!isStamp(p.clock.wall)) return 'clock.wall is not a time';
  if (!['gnss', 'network', 'manual', 'device'].includes(p.clock.source)) return 'clock.source is not a source';
  if ((p.clock.mono_ms ?? 0) < 0 || (p.clock.mono_ms > 0 && !('boot' in p.clock))) return 'clock.mono_ms needs a boot';
  return '';
}

/** verifyEvent checks a line against a device's key as the server does, but for the body: {id, payload, header}. It throws SealError. */
export async function verifyEvent(line, pub) {
  const e = parseEnvelope(line);
  if (e.type !== EVENT) throw new SealError('envelope', 'PAYLOAD_TYPE', `payload type ${e.type.slice(0, 80)}`);
  const p = parsePayload(e.payload);
  if (e.signatures.length !== 1) throw new SealError('signature', 'BAD_SIGNATURE', `an event has one signature, this has ${e.signatures.length}`);
  const [{ keyid, sig }] = e.signatures;
  if (keyid !== pub.id) throw new SealError('key', 'WRONG_KEY', `signed as key ${keyid}, enrolled is ${pub.id}`);
  const signed = pae(EVENT, e.payload);
  if (!(await checkSignature(pub, signed, sig))) throw new SealError('signature', 'BAD_SIGNATURE', `not the signature of key ${pub.id} over these bytes`);
  return { id: hex(await sha256(signed)), payload: e.payload, header: p, signature: await signatureDigest(pub.alg, sig) };
}

/** eventPayload writes an event's payload, once. e is the complete header with its body. */
export function eventPayload(e) {
  const payload = utf8(encode({
    v: version, type: e.type, uuid: e.uuid, case: e.case, device: e.device, seq: e.seq, prev: e.prev, actor: e.actor,
    clock: e.clock, seen: e.seen, place: e.place, body: e.body,
  }));
  parsePayload(payload);
  return payload;
}

/** enrolStatement is the payload that proves the possession of a new key. */
export async function enrolStatement({ code, key, nonce, time }) {
  return utf8(encode({ code_sha256: hex(await sha256(utf8(code))), key, nonce, time }));
}

/** authStatement is the payload that a device seals to sign in. */
export function authStatement({ nonce, audience, device, time }) {
  return utf8(encode({ nonce, audience, device, time }));
}

/** lineDigest identifies a line in quarantine: SHA-256 over its exact bytes. */
export const lineDigest = async (line) => hex(await sha256(typeof line === 'string' ? utf8(line) : line));

/** textOf reads UTF-8 bytes as a text. */
export const textOf = utf8Text;

/** isDecimal reports whether a value is {n, s}: an int64 and a scale of 0 to 18. */
export function isDecimal(d) {
  if (!isObject(d) || Object.keys(d).length !== 2 || !('n' in d) || !Number.isInteger(d.s) || d.s < 0 || d.s > 18) return false;
  return (typeof d.n === 'bigint' && BigInt.asIntN(64, d.n) === d.n) || Number.isSafeInteger(d.n);
}
