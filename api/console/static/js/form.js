// Declarative forms: fields named by the JSON path of what they fill in, each with
// the kind of its value in data-kind. collect makes the body of an event of them;
// show puts what is wrong at the field it is wrong at.
//
//   text     as written, outer spaces off; empty is left out        (the default)
//   decimal  a figure, {n, s}, every digit kept, no floats
//   int      a whole number
//   mm       a length in data-unit m, cm or mm, as whole millimetres
//   stamp    a local time (datetime-local), with this machine's offset at that time
//   day      YYYY-MM-DD
//   uuid     an identifier
//   json     JSON, for what a script or the server put into a hidden field
//   media    a file; collect gives it apart, to be uploaded first
//
// Radio buttons and selects are text of what is chosen; a checkbox is its value where
// it is ticked. A field that is disabled or in a hidden part is not of the form.

import { decimal, isDay, isUUID, stampOf } from './seal.js';
import { t } from './words.js';

/** Digits after the point of a metre, a centimetre and a millimetre that are whole millimetres. */
const digits = { m: 3, cm: 1, mm: 0 };

const kinds = {
  text: (v) => v,
  decimal: (v) => decimal(v.replace('\u2212', '-')) ?? undefined,
  int: (v) => (/^-?\d{1,15}$/.test(v) ? Number(v) : undefined),
  mm: (v, field) => millimetres(v, field.dataset.unit ?? 'mm'),
  stamp: (v) => localStamp(v),
  day: (v) => (isDay(v) ? v : undefined),
  uuid: (v) => (isUUID(v) ? v : undefined),
  json: (v) => JSON.parse(v),
};

function millimetres(text, unit) {
  const d = decimal(text);
  if (!d) return undefined;
  const shift = digits[unit] - d.s;
  const n = shift >= 0 ? BigInt(d.n) * 10n ** BigInt(shift) : BigInt(d.n) / 10n ** BigInt(-shift);
  if (shift < 0 && n * 10n ** BigInt(-shift) !== BigInt(d.n)) return undefined;
  return Number.isSafeInteger(Number(n)) ? Number(n) : undefined;
}

/** localStamp is a datetime-local value as a time with the offset that this machine has at that time. */
export function localStamp(value) {
  const date = new Date(value);
  return value && !Number.isNaN(date.getTime()) ? stampOf(date) : undefined;
}

/** localValue is a time as a datetime-local field shows it, to the second. */
export function localValue(date) {
  return stampOf(date).slice(0, 19);
}

/** fieldsOf lists the form's fields that count now. */
function fieldsOf(form) {
  return [...form.elements].filter((f) => f.name && !f.disabled && f.type !== 'submit' && f.type !== 'button' && !f.closest('[hidden]') && f.dataset.kind !== 'none' && f.name !== 'csrf');
}

/** put writes a value at a path such as "item.kind" or "results[0].unit". */
export function put(body, path, value) {
  const steps = path.split(/[.[\]]+/).filter(Boolean);
  let at = body;
  for (const [i, s] of steps.entries()) {
    if (i === steps.length - 1) at[s] = value;
    else at = at[s] ??= /^\d+$/.test(steps[i + 1]) ? [] : {};
  }
  return body;
}

/** collect reads a form: {body, files: [{path, file}], problems: [{path, message}]}. */
export function collect(form) {
  const body = {};
  const files = [];
  const problems = [];
  for (const f of fieldsOf(form)) {
    if ((f.type === 'radio' || f.type === 'checkbox') && !f.checked) {
      if (f.type === 'radio' && f.required && !fieldsOf(form).some((o) => o.name === f.name && o.checked) && !problems.some((p) => p.path === f.name)) {
        problems.push({ path: f.name, message: t('form.choose') });
      }
      continue;
    }
    const kind = f.dataset.kind ?? 'text';
    if (kind === 'media') {
      for (const file of f.files) files.push({ path: f.name, file });
      if (f.required && !f.files.length) problems.push({ path: f.name, message: t('form.file') });
      continue;
    }
    const text = f.value.trim();
    if (!text) {
      if (f.required) problems.push({ path: f.name, message: t(f.tagName === 'SELECT' ? 'form.choose' : 'form.required') });
      else if (f.validity?.badInput) problems.push({ path: f.name, message: t(`form.${kind}`) });
      continue;
    }
    const value = kinds[kind](text, f);
    if (value === undefined) problems.push({ path: f.name, message: t(`form.${kind}`) });
    else put(body, f.name, value);
  }
  return { body, files, problems };
}

/** clear takes every message off a form. */
export function clear(form) {
  for (const e of form.querySelectorAll('.fault')) e.remove();
  for (const f of form.querySelectorAll('[aria-invalid]')) {
    f.removeAttribute('aria-invalid');
    f.removeAttribute('aria-describedby');
  }
}

/** mend takes the message off the field that a person is changing. */
function mend(ev) {
  const f = ev.target;
  for (const x of f.form?.elements ?? []) {
    if (x.name !== f.name || !x.hasAttribute('aria-invalid')) continue;
    document.getElementById(x.getAttribute('aria-describedby'))?.remove();
    x.removeAttribute('aria-invalid');
    x.removeAttribute('aria-describedby');
  }
}

const mending = new WeakSet();
let serial = 0;

/** show puts messages at the fields that they are about, the others at the top, and moves the focus to the first. */
export function show(form, problems) {
  clear(form);
  if (!mending.has(form)) form.addEventListener('input', mend);
  mending.add(form);
  const fields = fieldsOf(form);
  const general = [];
  let first = null;
  for (const { path, message } of problems) {
    const f = fields.find((x) => x.name === path) ?? fields.find((x) => path && (x.name.startsWith(`${path}.`) || path.startsWith(`${x.name}.`)));
    if (!f) {
      general.push(message);
      continue;
    }
    const note = document.createElement('p');
    note.className = 'error fault';
    note.id = `fault-${++serial}`;
    note.textContent = message;
    f.setAttribute('aria-invalid', 'true');
    f.setAttribute('aria-describedby', note.id);
    (f.closest('.field') ?? f.parentElement).append(note);
    first ??= f;
  }
  if (general.length) {
    const box = document.createElement('div');
    box.className = 'fault note bad';
    box.setAttribute('role', 'alert');
    box.tabIndex = -1;
    for (const text of general) {
      const p = document.createElement('p');
      p.textContent = text;
      box.append(p);
    }
    form.prepend(box);
    first ??= box;
  }
  first?.focus();
}

const taken = new WeakSet();

/**
 * busy runs fn with a form's buttons locked. A form that is busy already, by a double
 * click, runs nothing: one form is one act. Where its act is sealed and the page goes
 * on to another (data-sealed, see after), it stays locked.
 */
export async function busy(form, fn) {
  if (taken.has(form)) return undefined;
  taken.add(form);
  const buttons = [...form.querySelectorAll('button')].filter((b) => !b.disabled);
  for (const b of buttons) b.disabled = true;
  form.setAttribute('aria-busy', 'true');
  try {
    return await fn();
  } finally {
    if (form.dataset.sealed === undefined) {
      taken.delete(form);
      for (const b of buttons) b.disabled = false;
    }
    form.removeAttribute('aria-busy');
  }
}

/** say is what an ActError comes to for a person, as problems of a form. */
export function say(error) {
  if (error.name === 'ActError') {
    if (error.problems.length) return error.problems.map(({ message }) => ({ path: /^[a-z][a-z0-9_.]*(?=[ :])/.exec(message)?.[0] ?? '', message }));
    return [{ path: '', message: t(`act.${error.kind}`, error.message) }];
  }
  if (error.name === 'Moved') return [{ path: '', message: t('act.moved') }];
  if (error.name === 'StoreError') return [{ path: '', message: t('act.storage', error.message) }];
  if (error.name === 'FileError') return [{ path: '', message: error.message }];
  console.error(error);
  return [{ path: '', message: t('act.failed', error.message) }];
}

/**
 * onSubmit makes a form an act: fields are collected, files uploaded, what build
 * gives ({type, case, body, place}, or a list) is sealed, and done gets the results.
 */
export function onSubmit(form, { build, done }) {
  form.noValidate = true;
  form.addEventListener('submit', (ev) => {
    ev.preventDefault();
    busy(form, async () => {
      const { act, uploadMedia } = await import('./workstation.js');
      const { body, files, problems } = collect(form);
      if (problems.length) { show(form, problems); return; }
      clear(form);
      try {
        for (const { path, file } of files) put(body, path, await uploadMedia(file));
        const acts = await build(body, ev.submitter);
        if (acts) await done(await act([acts].flat()));
      } catch (error) {
        show(form, say(error));
      }
    });
  });
}
