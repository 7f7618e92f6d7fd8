// Settling a line in quarantine: an event of the supervisor says what became of it;
// the line itself stays where it is.

import { onSubmit } from '../form.js';
import { t } from '../words.js';
import { done } from './enrolled.js';

const form = document.getElementById('settle');
if (form) {
  onSubmit(form, {
    build: (body) => ({ type: 'quarantine.settled', case: form.dataset.case, body: { index: Number(form.dataset.index), resolution: body.resolution, reason: body.reason } }),
    done: ([r]) => done(form, r.status === 'accepted' ? t('sv.js.settled', r.index) : r.status === 'waiting' ? t('sv.js.waiting') : t('sv.js.not_accepted', r.code ?? '', r.detail ?? ''), r.status === 'accepted' ? 'ok' : 'warn'),
  });
}
