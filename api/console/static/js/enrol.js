// The page of this workstation: enrolment, what is safe, what waits, and what to do
// with it by hand.

import * as store from './store.js';
import { busy, clear, collect, say, show } from './form.js';
import { el, locale, t } from './words.js';
import { enrol, me, send, status, unsent, watch } from './workstation.js';
import { look } from './lab/scan.js';

const byID = (id) => document.getElementById(id);
const form = byID('enrol');

/** when writes a time as people read it, with its offset. */
const when = (stamp) => `${new Date(stamp).toLocaleString(locale())} (${/(?:Z|[+-]\d\d:\d\d)$/.exec(stamp)?.[0].replace('Z', 'UTC')})`;

let file = '';

async function draw(s) {
  form.hidden = s.enrolled && !s.hold && !s.revoked && !s.alarm;
  byID('enrolled').hidden = !s.enrolled;
  const trouble = s.alarm ? t('act.alarm', s.alarm) : s.hold ? t('act.held') : s.revoked ? t('act.revoked') : '';
  byID('trouble').textContent = trouble;
  byID('trouble').hidden = !trouble;
  await drawEvidence();
  if (!s.enrolled) return;
  const facts = { ...s, enrolledAt: when(s.enrolledAt), origin: s.log.origin, size: s.checkpoint.size };
  for (const dd of document.querySelectorAll('[data-fact]')) dd.textContent = facts[dd.dataset.fact] ?? '';
  for (const k of ['quarantined', 'refused']) document.querySelector(`[data-row=${k}]`).hidden = !s[k];
  byID('persistent').textContent = t('workstation.js.not_persistent');
  byID('persistent').hidden = s.persistent;
  byID('problem').textContent = s.problem ? t('workstation.js.problem', s.problem) : '';
  byID('problem').hidden = !s.problem || !(s.waiting || s.files);
  const left = s.waiting + s.refused;
  const link = byID('export');
  URL.revokeObjectURL(file);
  file = URL.createObjectURL(await unsent());
  link.href = file;
  link.download = `fieldseal-unsent-${s.device.slice(0, 8)}-${new Date().toISOString().slice(0, 10)}.ndjson`;
  link.hidden = !left;
  byID('send').disabled = !(s.waiting || s.files);
  await drawWaiting();
}

async function drawWaiting() {
  const person = await me();
  const list = [...(await store.events(person, store.LOCAL)), ...(await store.events(person, store.REFUSED)), ...(await store.events(person, store.QUARANTINED))];
  byID('waiting').hidden = !list.length;
  byID('waiting').querySelector('tbody').replaceChildren(...list.map((e) => el('tr', {}, el('td', { class: 'n' }, String(e.seq)), el('td', { class: 'mono' }, e.type), el('td', {}, when(e.wall)),
    el('td', { class: 'mono' }, `${e.id.slice(0, 16)}…`), el('td', {}, e.code ? `${e.code}: ${e.detail}` : e.detail ?? t('workstation.js.not_sent')))));
}

async function drawEvidence() {
  const list = await store.faults();
  const section = byID('evidence');
  section.hidden = !list.length;
  section.querySelector('ul').replaceChildren(...list.map((f) => el('li', {}, `${new Date(f.at).toLocaleString(locale())}: ${f.message}`)));
  if (list.length) byID('evidence-file').href = URL.createObjectURL(new Blob([JSON.stringify(list, null, 2)], { type: 'application/json' }));
}

form.noValidate = true;
form.addEventListener('submit', async (ev) => {
  ev.preventDefault();
  const { body, problems } = collect(form);
  if (body.authority && !/^[0-9a-f]{64}$/.test(body.authority)) problems.push({ path: 'authority', message: t('workstation.js.fingerprint') });
  if (problems.length) return show(form, problems);
  clear(form);
  await busy(form, async () => {
    try {
      await enrol(body.code, { authority: body.authority });
      form.reset();
      await draw(await status());
      byID('enrolled').scrollIntoView();
    } catch (error) {
      show(form, error.kind === 'refused' || error.kind === 'alarm' ? [{ path: 'code', message: error.message }] : say(error));
    }
  });
  return undefined;
});

byID('send').addEventListener('click', () => send());

const camera = byID('camera');
if (navigator.mediaDevices?.getUserMedia && 'BarcodeDetector' in globalThis) {
  camera.hidden = false;
  camera.addEventListener('click', async () => {
    try {
      const code = await look();
      if (code) form.elements.code.value = code;
    } catch (cause) {
      show(form, [{ path: 'code', message: t('lab.js.camera.denied', cause.message) }]);
    }
  });
}

if (!globalThis.isSecureContext) show(form, [{ path: '', message: t('workstation.js.insecure') }]);

watch((s) => draw(s).catch((cause) => show(form, say(cause))));
status().catch((cause) => {
  byID('trouble').textContent = cause.message;
  byID('trouble').hidden = false;
});
