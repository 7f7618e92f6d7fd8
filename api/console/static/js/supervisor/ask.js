// Asking the authority: the act is checked, sealed as a request by this workstation,
// and then carried out; the authority's event names the request.

import { HTTPError, call, postJSON } from '../http.js';
import { busy, clear, collect, say, show } from '../form.js';
import { act, newID } from '../workstation.js';
import { t } from '../words.js';
import { done } from './enrolled.js';

/** bodyOf makes the exact body that is asked for, and the reason for asking. */
function bodyOf(form) {
  const { body, problems } = collect(form);
  const why = body.why ?? body.reason;
  delete body.why;
  const roles = form.querySelector('[data-roles]');
  if (roles) {
    body.roles = [...roles.querySelectorAll('input:checked')].map((i) => i.value);
    if (!body.roles.length) problems.push({ path: '', message: t('sv.js.roles') });
  }
  if (form.dataset.new) body[form.dataset.new] = newID();
  if (form.dataset.act === 'case.granted' && Boolean(body.org) === Boolean(body.person)) problems.push({ path: 'org', message: t('sv.js.one_of') });
  return { body, why, problems };
}

const refused = (error) => (error instanceof HTTPError ? [{ path: '', message: error.message }] : say(error));

/** carry has the authority act on a request. */
async function carry(id) {
  return (await postJSON(`/desk/supervisor/requests/${id}`, {})).index;
}

async function ask(form) {
  const { body, why, problems } = bodyOf(form);
  if (problems.length) { show(form, problems); return; }
  clear(form);
  await busy(form, async () => {
    try {
      const what = { act: form.dataset.act, body: JSON.stringify(body), ...(form.dataset.case && { case: form.dataset.case }) };
      await call('POST', '/desk/supervisor/ask', { body: JSON.stringify(what), headers: { 'Content-Type': 'application/json' } });
      const [r] = await act([{ type: 'authority.requested', case: form.dataset.case, body: { act: what.act, body: what.body, reason: why } }]);
      if (r.status === 'waiting') { done(form, t('sv.js.waiting'), 'warn'); return; }
      if (r.status !== 'accepted') { show(form, [{ path: '', message: t('sv.js.not_accepted', r.code ?? '', r.detail ?? '') }]); return; }
      done(form, t('sv.js.carried', await carry(r.id)));
    } catch (error) {
      show(form, refused(error));
    }
  });
}

for (const form of document.querySelectorAll('form.ask')) {
  form.noValidate = true;
  form.addEventListener('submit', (e) => { e.preventDefault(); ask(form); });
}

for (const button of document.querySelectorAll('button.carry')) {
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      done(button, t('sv.js.carried', await carry(button.dataset.request)));
    } catch (error) {
      done(button, refused(error)[0].message, 'bad');
    }
  });
}
