// A sample is checked in: what was found, and the decision. What is out of range is
// said at once, and never answered for the person.

import { decimal, decimalText } from '../seal.js';
import { el, t } from '../words.js';
import { onSubmit, show } from '../form.js';
import { me } from '../session.js';
import { newID } from '../workstation.js';
import { after, begin } from './common.js';

const form = document.getElementById('checkin');
const { dataset: d } = form;
const value = (name) => form.elements[name].value.trim();
const chosen = (name) => form.elements[name].value;

/** compare is the order of two figures {n, s}, without floats. */
function compare(a, b) {
  const s = Math.max(a.s, b.s);
  const at = (x) => BigInt(x.n) * 10n ** BigInt(s - x.s);
  return at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0;
}

const beyond = (figure, min, max) => (min !== undefined && compare(figure, decimal(min)) < 0) || (max !== undefined && compare(figure, decimal(max)) > 0);

/** warnings lists what is not as it should be. */
function warnings() {
  const list = [];
  const temp = decimal(value('cooler_temp_c'));
  if (temp && d.tempMax !== undefined && beyond(temp, d.tempMin, d.tempMax)) list.push(t('lab.js.warn.temp', decimalText(temp), d.tempMin, d.tempMax));
  const bubble = decimal(value('headspace_mm'));
  if (bubble && d.headspaceMax !== undefined && beyond(bubble, undefined, d.headspaceMax)) list.push(t('lab.js.warn.headspace', decimalText(bubble), d.headspaceMax));
  const ph = decimal(value('ph'));
  if (ph && beyond(ph, d.phMin, d.phMax)) list.push(t('lab.js.warn.ph', decimalText(ph)));
  if (value('label_read') && value('label_read') !== d.label) list.push(t('lab.js.warn.label', value('label_read'), d.label));
  if (value('seal_no') && d.seal && value('seal_no') !== d.seal) list.push(t('lab.js.warn.seal', value('seal_no'), d.seal));
  if (list.length && chosen('decision') === 'accept') list.push(t('lab.js.warn.accept'));
  return list;
}

function refresh() {
  document.getElementById('warnings').replaceChildren(...warnings().map((text) => el('li', {}, text)));
  for (const part of form.querySelectorAll('[data-for]')) part.hidden = !part.dataset.for.split(' ').includes(chosen('decision'));
}

form.addEventListener('input', refresh);
form.addEventListener('change', refresh);
// A scanner ends with Enter, which must not send a form that is half filled in.
form.addEventListener('keydown', (ev) => {
  if (ev.key === 'Enter' && ev.target.matches('input:not([type=file])')) ev.preventDefault();
});

onSubmit(form, {
  build: async (body) => {
    const problems = [];
    if (body.label_read !== d.label && body.label_agrees === 'yes') problems.push({ path: 'label_agrees', message: t('lab.js.label_says_no') });
    if (body.decision === 'reject' && !body.photo) problems.push({ path: 'photo', message: t('lab.js.photo_needed') });
    if (problems.length) return show(form, problems);
    const left = d.deadline ? Math.floor((new Date(d.deadline) - Date.now()) / 3_600_000) : undefined;
    return { type: 'lab.accessioned', case: d.case, body: { accession: newID(), lab: d.lab, sample: d.sample, received_by: await me(), hold_hours_left: left, ...body } };
  },
  done: (results) => after(form, results, d.back),
});

refresh();
begin();
