// The log as a device checks it: leaves, inclusion and consistency proofs
// (RFC 6962), signed checkpoints under a pinned key. Pure; hashes are byte arrays,
// and the text forms are those of the wire (standard base64).

import { base64, concat, hex, sha256, unbase64, unhex, utf8 } from './seal.js';

/** Kinds of entry that a workstation's own lines can become. */
export const KIND_EVENT = 1;
export const KIND_QUARANTINE = 2;

/** A proof has at most one hash for each bit of an index, and one more. */
const maxHashes = 64;

const zero32 = '00'.repeat(32);

/** LogError says that something does not follow from the log: it must not be believed. */
export class LogError extends Error {
  constructor(message) {
    super(message);
    this.name = 'LogError';
  }
}

/** leafBytes are an entry's 106 bytes: version 1, kind, event id, signature digest, key id (hex), microseconds. */
export function leafBytes({ kind, event, signature = zero32, key = zero32, received_us }) {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(received_us));
  return concat([1, kind], unhex(event), unhex(signature), unhex(key), time);
}

/** leafHash is SHA-256 of 0x00 and the entry. */
export const leafHash = (leaf) => sha256(concat([0], leaf));

const nodeHash = (left, right) => sha256(concat([1], left, right));

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

const half = (n) => Math.floor(n / 2);

/** parseHashes reads the hashes of a proof. */
export function parseHashes(texts) {
  if (!Array.isArray(texts) || texts.length > maxHashes) throw new LogError('not the hashes of a proof');
  return texts.map((t) => {
    let h;
    try {
      h = unbase64(t);
    } catch {
      h = [];
    }
    if (h.length !== 32) throw new LogError('a hash of a proof is not 32 bytes in base64');
    return h;
  });
}

/** checkInclusion shows that the entry with this leaf hash is at index in the tree of size and root (RFC 9162, 2.1.3.2), or throws. */
export async function checkInclusion(leaf, index, size, root, hashes) {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size)) throw new LogError(`no entry ${index} in a log of ${size}`);
  let fn = index;
  let sn = size - 1;
  let r = leaf;
  for (const p of hashes) {
    if (sn === 0) throw new LogError('a proof with too many hashes');
    if (fn % 2 === 1 || fn === sn) {
      r = await nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      r = await nodeHash(r, p);
    }
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0 || !same(r, root)) throw new LogError(`entry ${index} is not shown to be in the log of ${size} entries`);
}

/** checkConsistency shows that the log of size from is the beginning of the log of size to (RFC 9162, 2.1.4.2), or throws. */
export async function checkConsistency(from, fromRoot, to, toRoot, hashes) {
  const fail = () => {
    throw new LogError(`the log of ${to} entries is not shown to continue that of ${from}`);
  };
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to)) fail();
  if (from === to || from === 0) {
    if (hashes.length || (from === to && !same(fromRoot, toRoot))) fail();
    return;
  }
  let fn = from - 1;
  let sn = to - 1;
  while (fn % 2 === 1) {
    fn = half(fn);
    sn = half(sn);
  }
  const path = fn === 0 ? [fromRoot, ...hashes] : [...hashes];
  if (!path.length) fail();
  let fr = path[0];
  let sr = path[0];
  for (const c of path.slice(1)) {
    if (sn === 0) fail();
    if (fn % 2 === 1 || fn === sn) {
      fr = await nodeHash(c, fr);
      sr = await nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      sr = await nodeHash(sr, c);
    }
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0 || !same(fr, fromRoot) || !same(sr, toRoot)) fail();
}

/** importLogKey reads a verifier key, name+hash+base64 of 0x01 and an Ed25519 key: {name, hash, key}. */
export async function importLogKey(text) {
  const m = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  const refuse = (why) => new LogError(`the log's key ${text.slice(0, 80)} cannot be used: ${why}`);
  if (!m) throw refuse('it is not name+hash+key');
  let data;
  try {
    data = unbase64(m[3]);
  } catch (cause) {
    throw refuse(cause.message);
  }
  if (data.length !== 33 || data[0] !== 1) throw refuse('it is not an Ed25519 key');
  const hash = (await sha256(concat(utf8(`${m[1]}\n`), data))).subarray(0, 4);
  if (hex(hash) !== m[2]) throw refuse('its hash is another');
  let key;
  try {
    key = await crypto.subtle.importKey('raw', data.subarray(1), { name: 'Ed25519' }, false, ['verify']);
  } catch {
    throw refuse('this browser does not know Ed25519; use a newer one');
  }
  return { name: m[1], hash, key };
}

/** A note is a few hundred bytes; a dozen witnesses make it two thousand. */
const maxNote = 64 << 10;

/**
 * parseCheckpoint checks the log's signature on a signed note and reads it:
 * {origin, size, root (base64), rootBytes, note, digest (hex), cosigned}. It throws LogError.
 */
export async function parseCheckpoint(note, logKey) {
  const refuse = (why) => new LogError(`a checkpoint cannot be believed: ${why}`);
  if (typeof note !== 'string' || note.length > maxNote) throw refuse('it is no note');
  const cut = note.lastIndexOf('\n\n');
  if (cut < 0) throw refuse('it has no signatures');
  const text = note.slice(0, cut + 1);
  const lines = note.slice(cut + 2);
  const m = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text);
  if (!m || !lines.endsWith('\n') || /[\p{Cc}\uFFFD]/u.test(note.replaceAll('\n', ''))) throw refuse('its form is not that of a checkpoint');
  let root;
  try {
    root = unbase64(m[3]);
  } catch (cause) {
    throw refuse(cause.message);
  }
  const size = Number(m[2]);
  if (m[1] !== logKey.name || !Number.isSafeInteger(size)) throw refuse(`it is of the log ${m[1].slice(0, 80)}, not of ${logKey.name}`);
  let signed = false;
  const all = lines.slice(0, -1).split('\n');
  for (const line of all) {
    const s = /^\u2014 ([^+\s]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    let sig;
    try {
      sig = s && unbase64(s[2]);
    } catch {
      sig = null;
    }
    if (!sig || sig.length < 5) throw refuse('a signature line is malformed');
    if (s[1] !== logKey.name || !same(sig.subarray(0, 4), logKey.hash)) continue;
    if (signed || !(await crypto.subtle.verify('Ed25519', logKey.key, sig.subarray(4), utf8(text)))) throw refuse('the signature is not the log\u2019s');
    signed = true;
  }
  if (!signed) throw refuse('the log has not signed it');
  return { origin: m[1], size, root: m[3], rootBytes: root, note, digest: hex(await sha256(utf8(note))), cosigned: all.length > 1 };
}

/** proveLeaf checks one inclusion proof of the wire against a checkpoint with a leaf that was computed here. */
export async function proveLeaf(leaf, index, proof, checkpoint) {
  const hash = await leafHash(leaf);
  if (proof.index !== index || proof.size !== checkpoint.size) throw new LogError(`a proof for entry ${proof.index} of ${proof.size} came back for entry ${index} of ${checkpoint.size}`);
  if (proof.leaf_hash !== base64(hash)) throw new LogError(`entry ${index} is not this event with its key and receipt`);
  await checkInclusion(hash, index, checkpoint.size, checkpoint.rootBytes, parseHashes(proof.hashes));
}

