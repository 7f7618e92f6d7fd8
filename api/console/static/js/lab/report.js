// A report is signed: analyst, reviewer, approver, each somebody else. Before it signs,
// the browser reads every part as it was sealed and compares it with what is shown.

import { eventID, hex, parseEnvelope, parsePayload, sha256, concat, unhex } from '../seal.js';
import { getJSON } from '../http.js';
import { onSubmit } from '../form.js';
import { t } from '../words.js';
import { after, begin } from './common.js';

const box = document.getElementById('signatures');
const { dataset: d } = box;

const shown = (id) => [...document.querySelectorAll(`#results tr[data-part="${id}"]`)].map((tr) => ['analyte', 'text', 'unit'].map((c) => tr.querySelector(`[data-cell=${c}]`).textContent).join('\t')).join('\n');

/** whole checks that the parts are those that the digest covers, and that this page shows them. */
async function whole() {
  const ids = d.parts.split(' ');
  let same = hex(await sha256(concat(...ids.map(unhex)))) === d.digest;
  for (const [i, id] of ids.entries()) {
    const { payload } = parseEnvelope((await getJSON(`/v1/events/${id}`)).envelope);
    const { type, body } = parsePayload(payload);
    same &&= await eventID(payload) === id && type === 'results.reported' && body.report === d.report && (body.parts ?? 1) === ids.length && (body.part ?? 1) === i + 1
      && body.results.map((r) => `${r.analyte}\t${r.text}\t${r.unit}`).join('\n') === shown(id);
  }
  if (!same) throw Object.assign(new Error(t('lab.js.report_differs')), { name: 'FileError' });
}

for (const form of box.querySelectorAll('form')) {
  onSubmit(form, {
    build: async ({ opinion }) => {
      await whole();
      return { type: 'report.signed', case: d.case, body: { report: d.report, as: form.dataset.as, digest: d.digest, opinion } };
    },
    done: (results) => after(form, results, location.pathname),
  });
}

begin();
