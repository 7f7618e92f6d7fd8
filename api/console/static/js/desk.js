// What every page of a signed-in person does: it tells the reader's time zone, shows
// what waits to be sent, and ends with the session.

import './zone.js';
import { t } from './words.js';
import * as workstation from './workstation.js';

const outbox = document.getElementById('outbox');

async function show() {
  const s = await workstation.status().catch(() => null);
  const waiting = s?.waiting ?? 0;
  const alarm = Boolean(s?.hold || s?.alarm || s?.revoked);
  outbox.hidden = !waiting && !alarm;
  outbox.textContent = alarm ? t('outbox.alarm') : t('outbox.waiting', waiting);
  outbox.classList.toggle('bad', alarm);
}

workstation.watch(show);
show();

// The server ends an idle session; the page leaves before somebody else reads it.
const idle = Number(document.querySelector('meta[name=idle]').content) * 1000;
const key = 'fieldseal-active';
const active = () => localStorage.setItem(key, String(Date.now()));
for (const kind of ['pointerdown', 'keydown', 'scroll']) addEventListener(kind, active, { passive: true, capture: true });
active();
setInterval(() => {
  if (document.documentElement.dataset.stays !== undefined) return; // a wall screen
  if (Date.now() - Number(localStorage.getItem(key)) > idle) location.assign(`/desk/login?idle=1&next=${encodeURIComponent(location.pathname + location.search)}`);
}, 15_000);
