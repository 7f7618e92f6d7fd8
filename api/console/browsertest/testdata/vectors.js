// Runs the mobile contract's vectors through the sealing code of the browser. Every
// function returns a list of what is not as the vectors say; empty is good.
import * as seal from '/js/seal.js';
import * as log from '/js/log.js';

const bytesOf = (l) => {
  if (l.line_base64) return Uint8Array.from(atob(l.line_base64), (c) => c.charCodeAt(0));
  if (l.line_parts) return seal.utf8(l.line_parts.map((p) => p.text.repeat(p.times)).join(''));
  return seal.utf8(l.line ?? '');
};

const fromBase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));

const tried = async (fn) => {
  try {
    return [await fn(), null];
  } catch (cause) {
    return [undefined, cause];
  }
};

// What the browser leaves to the server: whether a body is one of its type, whether a
// type exists, who is enrolled, and how a chain goes on.
const servers = new Set(['INVALID_EVENT', 'MALFORMED_PAYLOAD', 'UNKNOWN_TYPE', 'UNKNOWN_DEVICE', 'FORK', 'CHAIN_BROKEN', 'UUID_REUSED', 'GENESIS_MISMATCH', 'NOT_AUTHORITY', 'REVOKED_KEY', 'VARIANT']);

/** lines runs one scenario: {faults, sealed, refused, left}. */
export async function lines(v) {
  const out = { faults: [], sealed: [], refused: 0, left: [] };
  const devices = new Map();
  for (const d of v.devices ?? []) {
    const pub = await seal.importKey(d.key);
    let signer = null;
    if (d.key.alg === seal.P256) {
      const privateKey = await crypto.subtle.importKey('pkcs8', fromBase64(d.private_pkcs8), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
      signer = await seal.signerOf({ privateKey, publicKey: pub.key });
      if (signer.id !== d.key.id) out.faults.push(`key of ${d.name}: id ${signer.id}`);
    }
    devices.set(d.device, { pub, signer });
  }
  for (const [b, batch] of v.batches.entries()) {
    for (const [i, l] of batch.lines.entries()) await line(v, devices, `${v.name} ${b}.${i} (${l.shows ?? ''})`, bytesOf(l), l.expect, out);
  }
  return out;
}

/** learn takes the key that a founding or an enrolment states. */
async function learn(devices, bytes) {
  const [p] = await tried(async () => seal.parsePayload(seal.parseEnvelope(bytes).payload));
  const at = { 'authority.genesis': p?.device, 'device.enrolled': p?.body.device }[p?.type];
  if (at && p.body.key && !devices.has(at)) {
    const [pub] = await tried(() => seal.importKey(p.body.key));
    if (pub) devices.set(at, { pub, signer: null });
  }
}

async function line(v, devices, at, bytes, want, out) {
  const fault = (text) => out.faults.push(`${at}: ${text}`);
  const who = await tried(async () => seal.parsePayload(seal.parseEnvelope(bytes).payload).device);
  await learn(devices, bytes);
  const device = devices.get(who[0]);
  const any = device ?? devices.values().next().value;
  const [got, err] = await tried(() => seal.verifyEvent(bytes, any.pub));
  if (want.status === 'quarantined' || want.code) {
    if (err === null || !device && !['envelope', 'payload'].includes(err.layer)) {
      if (!servers.has(want.code)) fault(`${want.code} is not one that is left to the server`);
      out.left.push(`${want.layer} ${want.code}${want.code === 'MALFORMED_PAYLOAD' ? ` ${at}` : ''}`);
    } else if (err.layer !== want.layer || err.code !== want.code) {
      fault(`refused at ${err.layer} as ${err.code} (${err.message}); the vectors say ${want.layer} ${want.code}`);
    } else {
      out.refused++;
    }
    if (want.status === 'quarantined') {
      const leaf = log.leafBytes({ kind: log.KIND_QUARANTINE, event: await seal.lineDigest(bytes), received_us: want.received_us });
      if (want.leaf && seal.hex(leaf) !== want.leaf) fault('the leaf of the quarantined line is another');
    }
    return;
  }
  if (err) return fault(`refused: ${err.message}`);
  if (got.id !== want.id) fault(`id ${got.id}, want ${want.id}`);
  if (want.signature_digest && got.signature !== want.signature_digest) fault(`signature digest ${got.signature}`);
  const leaf = log.leafBytes({ kind: want.kind, event: got.id, signature: got.signature, key: device.pub.id, received_us: want.received_us });
  if (want.leaf && seal.hex(leaf) !== want.leaf) fault(`leaf ${seal.hex(leaf)}`);
  if (want.leaf_hash && seal.base64(await log.leafHash(leaf)) !== want.leaf_hash) fault('leaf hash');
  if (!device.signer) return undefined;
  const again = await seal.sealLine(seal.EVENT, got.payload, device.signer);
  if ((await seal.verifyEvent(again, device.pub)).id !== want.id) fault('sealed again it has another id');
  out.sealed.push({ line: again, device: got.header.device, id: want.id });
  // The browser's own writer gives a payload that says the same.
  const rewritten = await tried(() => seal.eventPayload(got.header));
  if (rewritten[1]) fault(`cannot be written: ${rewritten[1].message}`);
  else out.sealed.push({ line: await seal.sealLine(seal.EVENT, rewritten[0], device.signer), device: got.header.device, id: await seal.eventID(rewritten[0]) });
  return undefined;
}

const basic = {
  pae: async (c) => {
    const payload = seal.utf8(c.payload);
    const enc = seal.pae(c.type, payload);
    return seal.hex(enc) === c.pae && seal.hex(await seal.sha256(enc)) === c.id;
  },
  key: async (c) => (await tried(() => seal.importKey({ id: c.id, alg: c.alg, spki: c.spki })))[1] === null === c.ok,
  leaf: async (c) => {
    if (c.ok === false) return true; // a leaf that is read; the browser only writes them
    const leaf = log.leafBytes({ kind: c.kind, event: c.event, signature: c.signature, key: c.key, received_us: c.received_us });
    return seal.hex(leaf) === c.leaf && seal.base64(await log.leafHash(leaf)) === c.hash;
  },
  inclusion: async (c) => (await tried(() => log.checkInclusion(seal.unbase64(c.leaf_hash), c.index, c.size, seal.unbase64(c.root), log.parseHashes(c.hashes))))[1] === null === c.ok,
  consistency: async (c) => (await tried(() => log.checkConsistency(c.from, seal.unbase64(c.from_root), c.to, seal.unbase64(c.to_root), log.parseHashes(c.hashes))))[1] === null === c.ok,
  checkpoint: async (c) => {
    const [cp, err] = await tried(async () => log.parseCheckpoint(c.note, await log.importLogKey(c.key)));
    return c.ok ? err === null && cp.size === c.size && cp.root === c.root : err !== null;
  },
  root: async (c) => (await tried(() => log.parseHashes([c.text])))[1] === null === c.ok,
  uuid: async (c) => seal.isUUID(c.text) === c.ok,
  stamp: async (c) => seal.isStamp(c.text) === c.ok,
  date: async (c) => seal.isDay(c.text) === c.ok,
  digest: async (c) => seal.isDigest(c.text) === c.ok,
  decimal: async (c) => {
    const [d, err] = await tried(() => seal.decode(c.text));
    return (err === null && seal.isDecimal(d)) === c.ok;
  },
  terms: async (c) => seal.hex(await seal.sha256(seal.utf8(c.terms))) === c.digest,
  statement: async (c) => {
    const pub = await seal.importKey(c.key);
    const e = seal.parseEnvelope(c.line);
    const said = seal.decode(c.payload);
    const again = said.code_sha256 ? seal.utf8(seal.encode({ ...said })) : seal.authStatement(said);
    return e.type === c.type && seal.textOf(e.payload) === c.payload && seal.textOf(again) === c.payload
      && seal.checkSignature(pub, seal.pae(e.type, e.payload), e.signatures[0].sig);
  },
};

/** basics runs one file of building blocks: the faults. */
export async function basics(v) {
  const check = basic[v.of];
  if (!check) return [`${v.name}: nothing here checks a ${v.of}`];
  const faults = [];
  for (const [i, c] of v.cases.entries()) {
    const [ok, err] = await tried(() => check(c));
    if (!ok) faults.push(`${v.name} ${i} (${c.shows ?? c.text ?? ''}): not as the vectors say${err ? `: ${err.message}` : ''}`);
  }
  return faults;
}

/** signatures tries what a vector cannot: many signatures made here, and their normal form. */
export async function signatures(n) {
  const faults = [];
  const signer = await seal.newSigner();
  if (signer.pair.privateKey.extractable) faults.push('the private key can be taken out');
  const [, err] = await tried(() => crypto.subtle.exportKey('pkcs8', signer.pair.privateKey));
  if (!err) faults.push('the private key was exported');
  for (let i = 0; i < n; i++) {
    const raw = crypto.getRandomValues(new Uint8Array(64));
    if (i % 3 === 0) raw.fill(0, 0, 1 + (i % 30));
    if (i % 5 === 0) raw.fill(0, 32, 33 + (i % 28));
    const back = seal.derToRaw(seal.rawToDER(raw));
    if (!back || seal.hex(back) !== seal.hex(raw)) faults.push(`signature ${seal.hex(raw)} does not come back from DER`);
  }
  const high = 'ff'.repeat(32);
  for (const [why, der] of Object.entries({
    negative: `30440220${high}0220${high}`, 'a length too long': `3048022100${high}022100${high}`, 'padded without need': '3007020200010201' + '01', zero: '3006020100020101',
    'a byte after it': '300602010102010100', 'the long form of a length': '308106020101020101', 'only r': '3003020101', nothing: '', 'more than 32 bytes': `30${(38).toString(16)}022201${'00'.repeat(33)}020101`,
  })) if (seal.derToRaw(seal.unhex(der))) faults.push(`DER ${why} is taken`);
  if (!seal.derToRaw(seal.unhex('3006020101020101'))) faults.push('the shortest DER is refused');
  return faults;
}
