// A laboratory's file: read by the server, shown whole with all that is wrong in it,
// then sealed in parts, all of them or none. The file itself goes along as it is.

import { decode } from '../seal.js';
import { act, newID, refusal, uploadMedia } from '../workstation.js';
import { busy, clear, collect, say, show } from '../form.js';
import { call } from '../http.js';
import { el, t } from '../words.js';
import { me } from '../session.js';
import { after, begin } from './common.js';

const form = document.getElementById('import');
const section = document.getElementById('preview');
const { dataset: d } = form;
const offset = -new Date().getTimezoneOffset();
let match = {};

/** read has the server read the chosen file. Figures may be beyond a double: the strict reader keeps them. */
async function read(file) {
  const { body } = collect(form);
  const matched = Object.keys(match).length ? new Blob([JSON.stringify(match)]) : new Blob([]);
  const q = new URLSearchParams(Object.entries({ zone: body.zone, dates: body.dates, encoding: body.encoding, match: matched.size || '' }).filter(([, v]) => v));
  const r = await call('POST', `${location.pathname}?${q}`, { body: new Blob([matched, file]), headers: { 'Content-Type': 'application/octet-stream', Accept: 'application/json' } });
  return decode(new Uint8Array(await r.arrayBuffer()));
}

form.noValidate = true;
form.addEventListener('submit', async (ev) => {
  ev.preventDefault();
  match = {};
  await preview();
});
form.elements.file.addEventListener('change', () => {
  section.hidden = true; // what is shown is of the file that was chosen before
});

async function preview() {
  const { problems, files } = collect(form);
  if (form.elements.zone.value && !/^[+-]\d\d:\d\d$/.test(form.elements.zone.value)) problems.push({ path: 'zone', message: t('form.text') });
  if (problems.length) return show(form, problems);
  clear(form);
  await busy(form, async () => {
    try {
      const { file } = files[0];
      draw(file, await read(file));
    } catch (error) {
      section.hidden = true;
      const why = { UNSUPPORTED_MEDIA_TYPE: 'spreadsheet', TOO_LARGE: 'large', BAD_REQUEST: 'table' }[error.code];
      show(form, why ? [{ path: 'file', message: t(`lab.js.import.${why}`) }] : say(refusal(error)));
    }
  });
  return undefined;
}

const columns = ['line', 'sample', 'analyte', 'method', 'result', 'unit', 'limits', 'analysed', 'problem'];

function draw(file, v) {
  const byLine = Map.groupBy(v.problems, (p) => p.line);
  const parts = Math.ceil(v.results.length / Number(d.max));
  const line = (r) => {
    const list = byLine.get(r.line) ?? [];
    const worst = list.some((p) => p.severity === 'error') ? 'has-error' : list.length ? 'has-warning' : '';
    return el('tr', { class: worst }, el('td', { class: 'n' }, String(r.line)), el('td', { class: 'mono' }, r.sample, r.label && r.label !== r.sample ? ` → ${r.label}` : '', r.qc ? [' ', el('span', { class: 'tag' }, r.qc)] : ''),
      el('td', {}, r.analyte, r.cas ? [' ', el('span', { class: 'mono muted' }, r.cas)] : ''), el('td', {}, r.method), el('td', { class: 'n' }, r.result), el('td', {}, r.unit), el('td', { class: 'n' }, r.limits), el('td', {}, r.analysed),
      el('td', { class: 'why' }, list.map((p) => el('div', {}, `${p.column ? `${p.column}: ` : ''}${p.text}`))));
  };
  section.replaceChildren(
    el('p', { class: `note ${v.importable ? 'ok' : 'bad'}`, role: 'status' }, v.importable ? t('lab.js.import.ok', v.rows.length, parts) : t('lab.js.import.bad', v.errors)),
    v.unknown.length ? matching(v.unknown) : '',
    el('h2', {}, t('lab.js.import.problems', v.problems.length)),
    v.problems.length ? el('ul', { class: 'plain warnings' }, v.problems.map((p) => el('li', {}, el('span', { class: `tag ${p.severity === 'error' ? 'bad' : 'warn'}` }, t(`lab.js.import.${p.severity}`)), ` ${p.line ? `${t('lab.js.import.col.line')} ${p.line}` : t('lab.js.import.file')}${p.column ? ` · ${p.column}` : ''}: ${p.text} `, el('span', { class: 'mono muted' }, p.code))))
      : el('p', { class: 'empty' }, t('lab.js.import.no_problems')),
    el('h2', {}, t('lab.js.import.rows', v.rows.length)),
    el('div', { class: 'scroll rows', tabindex: '0', role: 'region', 'aria-label': t('lab.js.import.rows', v.rows.length) }, el('table', { class: 'table' }, el('thead', {}, el('tr', {}, columns.map((c) => el('th', { scope: 'col', class: ['line', 'result', 'limits'].includes(c) && 'n' }, t(`lab.js.import.col.${c}`))))), el('tbody', {}, v.rows.map(line)))),
    v.importable ? sealing(file, v) : '',
  );
  section.hidden = false;
  section.scrollIntoView({ block: 'start' });
}

/** matching asks which item each unknown code of the file means. */
function matching(codes) {
  const box = el('div', { class: 'match' });
  for (const code of codes) {
    const select = document.getElementById('items').content.cloneNode(true).firstElementChild;
    select.setAttribute('aria-label', code);
    select.addEventListener('change', () => {
      if (select.value) match[code] = select.value;
      else delete match[code];
    });
    box.append(el('span', { class: 'mono' }, code), select);
  }
  return el('div', { class: 'card' }, el('h2', {}, t('lab.js.import.match')), el('p', {}, t('lab.js.import.match.about')), box,
    el('div', { class: 'row' }, el('button', { class: 'button', type: 'button', onclick: preview }, t('lab.js.import.match.go'))));
}

/** sealing seals every part of the report next to each other in the chain, or none. */
function sealing(file, v) {
  const button = el('button', { class: 'button primary' }, t('lab.js.import.seal', v.results.length));
  const seal = el('form', { class: 'card' }, el('div', { class: 'row' }, button));
  seal.addEventListener('submit', async (ev) => {
    ev.preventDefault();
    await busy(seal, async () => {
      try {
        const source = await uploadMedia(file);
        after(seal, await act(await reports(v.results, source)), '/desk/lab/#reports');
      } catch (error) {
        show(seal, say(error));
      }
    });
  });
  return seal;
}

async function reports(results, source) {
  const { body } = collect(form);
  const report = newID();
  const analyst = await me();
  const size = Number(d.max);
  const parts = Math.ceil(results.length / size);
  return Array.from({ length: parts }, (_, i) => ({ type: 'results.reported', case: d.case, body: {
    report, report_no: body.report_no, lab: d.lab, analyst, source, ...(parts > 1 && { part: i + 1, parts }),
    results: results.slice(i * size, (i + 1) * size).map((r) => ({ ...r, result: newID() })) } }));
}

if (!form.elements.zone.value) {
  const two = (n) => String(Math.floor(n)).padStart(2, '0');
  form.elements.zone.value = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}
begin();
