// Results by hand: as many as wanted, one report, one seal.

import { decimal } from '../seal.js';
import { me } from '../session.js';
import { newID } from '../workstation.js';
import { onSubmit, show } from '../form.js';
import { t } from '../words.js';
import { after, begin } from './common.js';

const form = document.getElementById('results');
let serial = 0;

/** validCAS reports whether the check digit of a CAS number is right. */
export function validCAS(text) {
  const digits = text.replaceAll('-', '');
  if (!/^\d{5,10}$/.test(digits)) return false;
  const sum = [...digits.slice(0, -1)].reverse().reduce((n, c, i) => n + Number(c) * (i + 1), 0);
  return sum % 10 === Number(digits.at(-1));
}

function number() {
  form.querySelectorAll('.result').forEach((row, i) => {
    row.querySelector('legend').textContent = t('lab.js.result_no', i + 1);
    for (const f of row.querySelectorAll('[data-name]')) f.name = `results[${i}].${f.dataset.name}`;
    row.querySelector('[data-remove]').hidden = form.querySelectorAll('.result').length === 1;
  });
  document.getElementById('add').disabled = form.querySelectorAll('.result').length >= Number(form.dataset.max);
}

function add() {
  const row = document.getElementById('row').content.cloneNode(true).firstElementChild;
  const last = form.querySelector('.result:last-of-type');
  for (const f of row.querySelectorAll('[data-name]')) {
    f.id = `r${++serial}`;
    f.parentElement.querySelector('label').htmlFor = f.id;
    // The next result is mostly of the same sample, method and batch.
    if (last && ['sample', 'method', 'unit', 'batch', 'instrument', 'analysed', 'prepared', 'prep_method'].includes(f.dataset.name)) f.value = last.querySelector(`[data-name="${f.dataset.name}"]`).value;
  }
  row.querySelector('[data-remove]').addEventListener('click', () => {
    row.remove();
    number();
  });
  document.getElementById('rows').append(row);
  number();
  if (last) row.querySelector('[data-name=analyte]').focus();
}

if (form) {
  document.getElementById('add').addEventListener('click', add);
  add();
  onSubmit(form, {
    build: async (body) => {
      const problems = [];
      body.results.forEach((r, i) => {
        if (r.cas && !validCAS(r.cas)) problems.push({ path: `results[${i}].cas`, message: t('lab.js.cas') });
        const chosen = form.elements[`results[${i}].sample`].selectedOptions[0];
        Object.assign(r, { result: newID(), sample_code: chosen.dataset.label, lab_id: chosen.dataset.labId || undefined, value: decimal(r.text) ?? undefined });
      });
      if (problems.length) return show(form, problems);
      return { type: 'results.reported', case: form.dataset.case, body: { report: newID(), lab: form.dataset.lab, analyst: await me(), ...body } };
    },
    done: (results) => after(form, results, '/desk/lab/#reports'),
  });
}

begin();
