// A shipment is received item by item against its manifest. What was found is kept in
// this browser at each step, so that a reload, or another day, goes on where it was
// left. The receipt can be closed only when every item is received or missing and
// everything that is not on the manifest is explained.

import * as store from '../store.js';
import { onSubmit, show } from '../form.js';
import { decode, eventID, hex, parseEnvelope, parsePayload, sha256, utf8 } from '../seal.js';
import { el, locale, t } from '../words.js';
import { getJSON } from '../http.js';
import { me } from '../session.js';
import { now } from '../workstation.js';
import { after, begin } from './common.js';
import { onScan, say } from './scan.js';

const shipment = JSON.parse(document.getElementById('shipment').textContent);
const form = document.getElementById('scan');
const close = document.getElementById('close');
const key = `shipment-${shipment.handover}`;
const refKey = (i) => `${i.kind}:${i.id}`;
const states = ['intact', 'broken', 'missing', 'none'];

/** What was found: items by their key {state, seal, seal_no}, and what was not expected. */
let found = { items: {}, unexpected: [], fields: {} };
let active = null;
let saving = Promise.resolve();

function save() {
  const value = structuredClone({ ...found, at: Date.now() });
  saving = saving.then(async () => store.keepDraft(await me(), key, value)).catch((cause) => say(form, cause.message, true));
  return saving;
}

const complete = (i) => {
  const f = found.items[refKey(i)];
  return f?.state === 'missing' || (f?.state === 'received' && Boolean(f.seal));
};

function row(item) {
  return document.querySelector(`#manifest tr[data-item="${CSS.escape(refKey(item))}"]`);
}

/** draw shows an item's finding and what can be said of it. */
function draw(item) {
  const tr = row(item);
  const f = found.items[refKey(item)] ?? {};
  tr.className = `${f.state === 'missing' ? 'absent' : complete(item) ? 'done' : ''}${active === item ? ' now' : ''}`;
  const cell = tr.querySelector('.found');
  if (!f.state) {
    cell.replaceChildren(el('div', { class: 'row' },
      el('button', { class: 'button small', type: 'button', onclick: () => receive(item) }, t('lab.js.received')),
      el('button', { class: 'button small', type: 'button', onclick: () => set(item, { state: 'missing' }) }, t('lab.js.missing'))));
    return;
  }
  const undo = el('button', { class: 'button small', type: 'button', onclick: () => set(item, null), 'aria-label': `${t('lab.js.undo')} ${item.label}` }, t('lab.js.undo'));
  if (f.state === 'missing') {
    cell.replaceChildren(el('div', { class: 'row' }, el('span', { class: 'tag bad' }, t('lab.js.missing')), undo));
    return;
  }
  const name = `seal-${refKey(item)}`;
  const choices = el('div', { class: 'choices', role: 'radiogroup', 'aria-label': `${t('lab.js.seal')} ${item.label}` }, states.map((s) => el('label', { class: 'choice' },
    el('input', { type: 'radio', name, value: s, ...(f.seal === s && { checked: true }), onchange: () => set(item, { ...found.items[refKey(item)], seal: s }) }), el('span', {}, t(`lab.seal.${s}`)))));
  const no = el('input', { type: 'text', class: 'mono', autocomplete: 'off', 'aria-label': `${t('lab.js.seal_found')} ${item.label}`, placeholder: t('lab.js.seal_found') });
  no.value = f.seal_no ?? '';
  no.addEventListener('change', () => set(item, { ...found.items[refKey(item)], seal_no: no.value.trim() }));
  const differs = f.seal_no && item.seal_no && f.seal_no !== item.seal_no && el('span', { class: 'tag bad' }, t('lab.js.seal_differs', item.seal_no));
  cell.replaceChildren(el('div', { class: 'row' }, el('span', { class: 'tag ok' }, t('lab.js.received')), choices, no, undo, differs));
}

function set(item, value) {
  if (value === null) delete found.items[refKey(item)];
  else found.items[refKey(item)] = value;
  refresh();
  save();
}

function receive(item) {
  active = item;
  set(item, { ...found.items[refKey(item)], state: 'received' });
  say(form, t('lab.js.scanned', item.label));
  row(item).scrollIntoView({ block: 'center' });
}

function drawUnexpected() {
  document.getElementById('unexpected').replaceChildren(...found.unexpected.map((u, i) => {
    const text = el('input', { type: 'text', 'aria-label': t('lab.js.explanation', u.label), placeholder: t('lab.js.explanation', u.label) });
    text.value = u.explanation ?? '';
    text.addEventListener('change', () => {
      u.explanation = text.value.trim();
      refresh(false);
      save();
    });
    return el('li', {}, el('strong', { class: 'mono' }, u.label), text, el('button', { class: 'button small', type: 'button', 'aria-label': t('lab.js.remove', u.label), onclick: () => {
      found.unexpected.splice(i, 1);
      refresh();
      save();
    } }, t('lab.js.undo')));
  }));
}

/** refresh shows where the receipt stands, and opens or bars its end. */
function refresh(all = true) {
  if (all) {
    for (const i of shipment.items) draw(i);
    drawUnexpected();
  }
  const open = shipment.items.filter((i) => !complete(i));
  const unexplained = found.unexpected.filter((u) => !u.explanation);
  document.getElementById('progress').textContent = t('lab.js.progress', shipment.items.length - open.length, shipment.items.length);
  document.getElementById('open-items').textContent = open.length ? t('lab.js.wait', open.map((i) => i.label).join(', '))
    : unexplained.length ? t('lab.js.explain', unexplained.map((u) => u.label).join(', ')) : t('lab.js.all');
  document.getElementById('accept').disabled = open.length > 0 || unexplained.length > 0;
}

function scanned(label) {
  if (active && label === active.seal_no && !shipment.items.some((i) => i.label === label)) {
    set(active, { ...found.items[refKey(active)], state: 'received', seal_no: label });
    return say(form, t('lab.js.seal_read', label));
  }
  const item = shipment.items.find((i) => i.label === label);
  if (item) {
    if (complete(item) && found.items[refKey(item)].state === 'received') {
      active = item;
      refresh();
      return say(form, t('lab.js.scanned.again', label));
    }
    return receive(item);
  }
  if (!found.unexpected.some((u) => u.label === label)) found.unexpected.push({ label });
  refresh();
  save();
  return say(form, t('lab.js.unexpected', label), true);
}

/** offered checks that the terms on this page are those that the giver sealed under the offer's id. */
async function offered() {
  const fail = () => Object.assign(new Error(t('lab.js.offer_differs')), { name: 'FileError' });
  const { envelope } = await getJSON(`/v1/events/${shipment.offer}`);
  const { payload } = parseEnvelope(envelope);
  const p = parsePayload(payload);
  if (await eventID(payload) !== shipment.offer || p.type !== 'custody.offered' || p.device !== shipment.offer_device
    || p.body.terms !== shipment.terms || p.body.digest !== shipment.digest || hex(await sha256(utf8(shipment.terms))) !== shipment.digest) throw fail();
  const listed = decode(shipment.terms).items.map((i) => `${refKey(i.item)} ${i.label}`).join('\n');
  if (listed !== shipment.items.map((i) => `${refKey(i)} ${i.label}`).join('\n')) throw fail();
}

const ref = (i) => ({ kind: i.kind, id: i.id });
const forget = async () => store.keepDraft(await me(), key, undefined);

onSubmit(close, {
  build: async ({ count, temp_c, exceptions }) => {
    await offered();
    const here = shipment.items.filter((i) => found.items[refKey(i)].state === 'received');
    const missing = shipment.items.filter((i) => found.items[refKey(i)].state === 'missing');
    return { type: 'custody.accepted', case: shipment.case, body: {
      handover: shipment.handover, terms: shipment.terms, digest: shipment.digest, offer: shipment.offer, offer_device: shipment.offer_device, received: now(),
      seals: here.length ? here.map((i) => ({ item: ref(i), seal_no: found.items[refKey(i)].seal_no || undefined, seal: found.items[refKey(i)].seal })) : undefined,
      missing: missing.length ? missing.map(ref) : undefined,
      unexpected: found.unexpected.length ? found.unexpected.map(({ label, explanation }) => ({ label, explanation })) : undefined,
      count, temp_c, exceptions } };
  },
  done: async (results) => {
    await forget();
    after(close, results, '/desk/lab/#checkin');
  },
});

const decline = document.getElementById('decline');
onSubmit(decline, {
  build: async ({ reason }) => {
    await offered();
    return { type: 'custody.declined', case: shipment.case, body: { handover: shipment.handover, offer: shipment.offer, reason } };
  },
  done: async (results) => {
    await forget();
    after(decline, results, '/desk/lab/');
  },
});

close.addEventListener('change', () => {
  found.fields = Object.fromEntries([...close.elements].filter((f) => f.name).map((f) => [f.name, f.value]));
  save();
});

async function start() {
  await begin();
  const draft = await store.draft(await me(), key).catch(() => undefined);
  if (draft) {
    found = { items: draft.items, unexpected: draft.unexpected, fields: draft.fields ?? {} };
    for (const [name, value] of Object.entries(found.fields)) close.elements[name].value = value;
    const note = document.getElementById('resumed');
    note.textContent = t('lab.js.resumed', new Date(draft.at).toLocaleString(locale()), shipment.items.filter(complete).length, shipment.items.length);
    note.hidden = false;
  }
  refresh();
  onScan(form, scanned);
}

start().catch((cause) => show(close, [{ path: '', message: cause.message }]));
