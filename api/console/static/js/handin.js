// Handing in: batches of exact lines, and the check of every receipt. Nothing is
// marked as sent before the answer as a whole has held; an answer that does not hold
// is kept as evidence, and sealing stops until a person has looked.

import * as store from './store.js';
import * as seal from './seal.js';
import { HTTPError, call, getJSON, postJSON } from './http.js';
import { LogError, KIND_EVENT, checkConsistency, importLogKey, leafBytes, parseCheckpoint, parseHashes, proveLeaf } from './log.js';

/** Lines and bytes of one batch: little enough to be done again on a bad line. */
const batchLines = 200;
const batchBytes = 2 << 20;

/** ServerFault says that an answer of the server does not hold; both sides are kept. */
export class ServerFault extends Error {
  constructor(message) {
    super(message);
    this.name = 'ServerFault';
  }
}

/** handIn sends every event that waits, in order of the chains, and proves what has a receipt. */
export async function handIn(person) {
  const ws = await store.workstation(person);
  if (!ws || ws.alarm) return;
  const logKey = await importLogKey(ws.log.key);
  for (let limit = batchLines; ;) {
    const batch = take(await store.events(person, store.LOCAL), limit);
    if (!batch.length) break;
    let answer;
    try {
      const r = await call('POST', '/v1/batches', { body: batch.map((e) => `${e.line}\n`).join(''), headers: { 'Content-Type': 'application/x-ndjson' } });
      answer = await r.json();
    } catch (cause) {
      if (!(cause instanceof HTTPError) || ![400, 413, 422].includes(cause.status)) throw cause;
      if (batch.length > 1) {
        limit = Math.floor(batch.length / 2); // one of them is not taken: find it
        continue;
      }
      await store.settle([[batch[0], { state: store.REFUSED, detail: cause.message }]]); // holds up nothing, and stays here
      continue;
    }
    await receive(person, logKey, batch, answer);
  }
  await prove(person, logKey);
}

/** deliver hands in what somebody else sealed, such as an offer that was shown here. It throws where a line is not taken. */
export async function deliver(lines) {
  const r = await call('POST', '/v1/batches', { body: lines.map((l) => `${l}\n`).join(''), headers: { 'Content-Type': 'application/x-ndjson' } });
  const { results } = await r.json();
  for (const [i, line] of lines.entries()) {
    const { id, status, code, detail } = results[i] ?? {};
    if (status === 'quarantined') throw new ServerFault(`${code}: ${detail}`);
    if (id !== await seal.eventID(seal.parseEnvelope(line).payload)) throw new ServerFault(`a line was answered with the id ${id}`);
  }
}

function take(list, limit) {
  const batch = [];
  let size = 0;
  for (const e of list.slice(0, limit)) {
    size += e.line.length + 1;
    if (batch.length && size > batchBytes) break;
    batch.push(e);
  }
  return batch;
}

/** alarm keeps evidence and stops this workstation. */
async function alarm(person, message, evidence) {
  await store.fault({ person, message, evidence });
  await store.amend(person, { alarm: message });
  throw new ServerFault(message);
}

/** receive believes an answer as a whole, after checking all of it. */
async function receive(person, logKey, batch, answer) {
  const fail = (message) => alarm(person, message, { answer: JSON.stringify(answer), lines: batch.map((e) => e.line) });
  if (answer.results?.length !== batch.length) return fail(`${answer.results?.length} results came back for ${batch.length} events`);
  const covers = new Map();
  const settled = [];
  for (const [i, e] of batch.entries()) {
    const r = answer.results[i];
    const apart = r.status === 'quarantined';
    if (r.id !== e.id && !(apart && r.id === await seal.lineDigest(e.line))) return fail(`event ${e.id} was answered with the id ${r.id}`);
    if (!['accepted', 'duplicate', 'quarantined'].includes(r.status) || (apart && !r.code)) return fail(`event ${e.id} was answered with the status ${r.status}`);
    let cp = covers.get(r.checkpoint_size);
    if (!cp) {
      try {
        cp = await parseCheckpoint(answer.checkpoints?.[r.checkpoint_size], logKey);
      } catch (cause) {
        return fail(cause.message);
      }
      covers.set(r.checkpoint_size, cp);
    }
    if (cp.size !== r.checkpoint_size || !(r.index >= 0 && r.index < cp.size)) return fail(`event ${e.id} is said to be entry ${r.index}, its checkpoint has ${cp.size} entries`);
    settled.push([e, {
      state: apart ? store.QUARANTINED : store.SENT, status: r.status, code: r.code, detail: r.detail,
      index: r.index, received_us: r.received_us, kind: r.kind, pending: r.pending ?? false,
    }]);
  }
  for (const cp of [...covers.values()].sort((a, b) => a.size - b.size)) await link(person, cp);
  await store.settle(settled);
  return undefined;
}

/** link shows that a signed checkpoint belongs to the history that this browser knows, and remembers it where it is newer. */
export async function link(person, cp) {
  const { checkpoint: known, log } = await store.workstation(person);
  const [old, next] = known.size <= cp.size ? [known, cp] : [cp, known];
  if (old.size !== next.size || old.root !== next.root) {
    let hashes = [];
    try {
      if (old.size !== next.size) hashes = (await getJSON(`/v1/log/proof/consistency?from=${old.size}&to=${next.size}`)).hashes;
      await checkConsistency(old.size, seal.unbase64(old.root), next.size, seal.unbase64(next.root), parseHashes(hashes));
    } catch (cause) {
      if (!(cause instanceof LogError)) throw cause;
      await alarm(person, cause.message, { known: known.note, shown: cp.note });
    }
  }
  if (cp.size < known.size || (cp.size === known.size && !(cp.cosigned && !known.cosigned))) return;
  const { size, root, note, digest, cosigned } = cp;
  const ws = await store.workstation(person);
  // What an event names as seen is the newest cosigned one: only witnesses date it.
  const seen = cosigned || !ws.seenCosigned ? { seen: { origin: log.origin, size, root, note: digest }, seenCosigned: cosigned } : {};
  await store.amend(person, { checkpoint: { size, root, note, digest, cosigned }, ...seen });
}

/** prove fetches an inclusion proof for what has a receipt and none yet, and checks it with a leaf computed here. */
async function prove(person, logKey) {
  const list = (await store.events(person, store.SENT)).slice(0, batchLines);
  if (!list.length) return;
  const { size } = (await store.workstation(person)).checkpoint;
  const open = list.filter((e) => e.index < size);
  if (!open.length) return;
  const answer = await postJSON('/v1/log/proofs', { size, indexes: open.map((e) => e.index) });
  try {
    const cp = await parseCheckpoint(answer.checkpoint, logKey);
    if (cp.size !== size || answer.proofs?.length !== open.length) throw new LogError(`${answer.proofs?.length} proofs in a log of ${cp.size} came back for ${open.length} in one of ${size}`);
    await link(person, cp);
    for (const [i, e] of open.entries()) {
      if (e.kind !== KIND_EVENT) throw new LogError(`the receipt of ${e.id} says kind ${e.kind}`);
      const leaf = leafBytes({ kind: e.kind, event: e.id, signature: e.signature, key: e.key, received_us: e.received_us });
      await proveLeaf(leaf, e.index, answer.proofs[i], cp);
    }
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    await alarm(person, cause.message, { answer: JSON.stringify(answer), lines: open.map((e) => e.line) });
  }
  await store.settle(open.map((e) => [e, { state: store.PROVEN }]));
}
