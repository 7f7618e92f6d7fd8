// Waiving a defect by the authority that it rests on.

import { onSubmit } from '../form.js';
import { newID } from '../workstation.js';
import { t } from '../words.js';
import { done } from './enrolled.js';

for (const form of document.querySelectorAll('form.waive')) {
  const { case: id, defect, kind } = form.dataset;
  onSubmit(form, {
    build: (body) => ({ type: 'waiver.granted', case: id, body: { waiver: newID(), defect, ...(kind && { about: { kind, id: form.dataset.id } }), authority: body.authority, reason: body.reason, ...(body.document && { document: body.document }) } }),
    done: ([r]) => done(form, r.status === 'accepted' ? t('sv.js.waived', r.index) : r.status === 'waiting' ? t('sv.js.waiting') : t('sv.js.not_accepted', r.code ?? '', r.detail ?? ''), r.status === 'accepted' ? 'ok' : 'warn'),
  });
}
