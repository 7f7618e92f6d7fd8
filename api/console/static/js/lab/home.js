// The queue, a search, an item: what only shows.

import * as store from '../store.js';
import { t } from '../words.js';
import { me } from '../session.js';
import { begin } from './common.js';
import { onScan } from './scan.js';

const form = document.getElementById('scan');
if (form) onScan(form);
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
