// The queue, a search, an item: what only shows.

import * as store from '../store.js';
import { busy, clear, collect, say, show } from '../form.js';
import { call } from '../http.js';
import { deliver } from '../handin.js';
import { t } from '../words.js';
import { me } from '../session.js';
import { refusal } from '../workstation.js';
import { begin } from './common.js';
import { onScan } from './scan.js';

const form = document.getElementById('scan');
if (form) onScan(form);

// An offer that the giver's device shows, which has not come by the network: its codes
// are scanned into the field above, or its text is pasted. The browser hands it in.
const offer = document.getElementById('offer');
if (offer) {
  const text = offer.elements.text;
  form.addEventListener('submit', (ev) => {
    const part = form.elements.q.value.trim();
    if (!part.startsWith('FS1:')) return;
    ev.preventDefault();
    form.elements.q.value = '';
    document.getElementById('offer-box').open = true;
    if (!text.value.includes(part)) text.value = `${text.value.trim()}\n${part}`.trim();
    offer.requestSubmit();
  });
  offer.noValidate = true;
  offer.addEventListener('submit', async (ev) => {
    ev.preventDefault();
    const { problems } = collect(offer);
    if (problems.length) return show(offer, problems);
    clear(offer);
    await busy(offer, async () => {
      try {
        const r = await call('POST', '/desk/lab/offer', { body: text.value, headers: { 'Content-Type': 'text/plain', Accept: 'application/json' } });
        const { lines, path } = await r.json();
        await deliver(lines);
        location.assign(path);
      } catch (error) {
        const why = { CONFLICT: 'missing', BAD_REQUEST: 'bad' }[error.code];
        if (why) show(offer, [{ path: 'text', message: t(`lab.js.offer.${why}`) }]);
        else show(offer, error.name === 'ServerFault' ? [{ path: '', message: t('lab.js.quarantined', error.message) }] : say(refusal(error)));
      }
    });
    return undefined;
  });
}
begin();

// A shipment that was left half received says so.
for (const a of document.querySelectorAll('a[data-draft]')) {
  me().then((person) => store.draft(person, a.dataset.draft)).then((d) => {
    if (!d) return;
    const tag = document.createElement('span');
    tag.className = 'tag warn';
    tag.textContent = t('lab.js.draft');
    a.after(' ', tag);
  }).catch(() => {}); // a browser that keeps nothing has no drafts
}
