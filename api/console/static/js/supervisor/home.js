// The overview counts what needs attention, one case after the other: each count
// reads a whole case, so it is not asked for before the page stands.

import { getJSON } from '../http.js';
import { moment } from '../moment.js';
import { el, t } from '../words.js';
import { listen } from '../live.js';

const rows = [...document.querySelectorAll('tr[data-case]')];

function tag(n, key, kind) { return n > 0 && el('span', { class: `tag ${kind}` }, t(key, n)); }

async function count(row) {
  const cell = row.querySelector('[data-attention]');
  try {
    const a = await getJSON(`/desk/supervisor/cases/${row.dataset.case}/attention`);
    const missing = cell.querySelector('.tag.warn');
    const tags = [tag(a.fatal, 'sv.js.fatal', 'bad'), tag(a.curable, 'sv.js.curable', 'warn'), missing, tag(a.warnings, 'sv.js.warnings', '')].filter(Boolean);
    cell.replaceChildren(...(tags.length ? tags.flatMap((x) => [x, ' ']) : [el('span', { class: 'tag ok' }, t('sv.js.fine'))]));
    const next = row.querySelector('[data-deadline]');
    if (a.next_us) {
      const at = new Date(a.next_us / 1000);
      const left = at - Date.now();
      next.replaceChildren(el('time', { datetime: at.toISOString(), class: `due ${left <= 0 ? 'over' : left < 172_800_000 ? 'soon' : ''}` }, moment(at)));
    }
  } catch (e) {
    cell.append(el('span', { class: 'muted' }, ` ${e.message}`));
  }
}

for (const row of rows) await count(row);
document.getElementById('cases')?.setAttribute('data-state', 'ready');

/** What arrives is counted anew, each case at most every ten seconds. */
const again = new Map();
if (rows.length) {
  listen('/desk/supervisor/stream', (list) => {
    for (const id of new Set(list.map((a) => a.case))) {
      const row = rows.find((r) => r.dataset.case === id);
      if (row && !again.has(id)) again.set(id, setTimeout(() => { again.delete(id); count(row); }, 10_000));
    }
  });
}
