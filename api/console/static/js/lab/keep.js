// The acts of keeping an item: a sub-sample, storage, a seal, a hold, its end.

import { collect, onSubmit, show } from '../form.js';
import { decimal, decimalText } from '../seal.js';
import { me } from '../session.js';
import { newID } from '../workstation.js';
import { t } from '../words.js';
import { after, begin } from './common.js';

const form = document.getElementById('keep');
const { dataset: d } = form;
const item = { kind: d.kind, id: d.id };

/** minus is a - b of two figures {n, s}. */
function minus(a, b) {
  const s = Math.max(a.s, b.s);
  const n = BigInt(a.n) * 10n ** BigInt(s - a.s) - BigInt(b.n) * 10n ** BigInt(s - b.s);
  return { n, s };
}

const builds = {
  subsample: async (body) => ({ type: 'subsample.made', body: { subsample: newID(), parent: item, analyst: await me(), ...body } }),
  store: (body) => ({ type: 'storage.moved', body: { item, ...body } }),
  reseal: (body) => ({ type: 'seal.applied', body: { item, ...body } }),
  hold: (body) => ({ type: 'hold.placed', body: { hold: newID(), items: [item], ...body } }),
  release: (body) => ({ type: 'hold.released', body }),
  withdraw: (body) => ({ type: 'event.amended', body: { target: d.target, void: true, ...body } }),
  dispose: (body) => ({ type: 'item.disposed', body: { item, ...body, left: body.left?.value ? body.left : undefined } }),
};

/** faults are what the form alone can know to be wrong. */
function faults(body) {
  const list = [];
  if (d.act === 'subsample') {
    if ((body.mass_in || body.mass_out) && !body.unit) list.push({ path: 'unit', message: t('form.required') });
    if (body.mass_in && body.mass_out && minus(body.mass_in, body.mass_out).n < 0n) list.push({ path: 'mass_out', message: t('lab.js.more_than_held') });
  }
  if (d.act === 'dispose') {
    if (body.hold_checked !== 'yes') list.push({ path: 'hold_checked', message: t('lab.js.hold_unchecked') });
    if (body.left?.value && !body.left.unit) list.push({ path: 'left.unit', message: t('form.required') });
  }
  return list;
}

onSubmit(form, {
  build: async (body) => {
    const list = faults(body);
    if (list.length) return show(form, list);
    return { ...(await builds[d.act](body)), case: d.case };
  },
  done: (results) => after(form, results, d.back),
});

const balance = document.getElementById('balance');
if (balance) {
  form.addEventListener('input', () => {
    const { body } = collect(form);
    const left = d.left && body.unit === d.unit ? decimal(d.left) : null;
    const lines = [];
    if (body.mass_in && left && minus(left, body.mass_in).n < 0n) lines.push(t('lab.js.over_record', d.left, d.unit));
    if (body.mass_in && body.mass_out) lines.push(t('lab.js.left_after', decimalText(minus(body.mass_in, body.mass_out)), body.unit ?? ''));
    balance.textContent = lines.join(' ');
    balance.hidden = !lines.length;
  });
}

begin();
