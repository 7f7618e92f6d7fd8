// What the pages of the laboratory share: whether this browser may seal, what became
// of an act, holding times that count down.

import { t } from '../words.js';
import { localValue } from '../form.js';
import { ready } from '../workstation.js';

const minute = 60_000;

/** count writes the time left beside every deadline of the page, each minute anew. */
export function count() {
  for (const time of document.querySelectorAll('time[data-due]')) {
    const left = new Date(time.dateTime) - Date.now();
    const minutes = Math.floor(Math.abs(left) / minute);
    const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60)];
    const side = left < 0 ? 'over' : 'left';
    time.textContent = days > 0 ? t(`lab.js.${side}.d`, days, hours % 24) : t(`lab.js.${side}.h`, hours, minutes % 60);
    if (!time.title) time.title = time.dateTime;
  }
}

/** begin prepares a page: deadlines count, times are now, and a browser that cannot seal says so. */
export async function begin() {
  count();
  setInterval(count, minute);
  for (const f of document.querySelectorAll('input[data-now]')) if (!f.value) f.value = localValue(new Date());
  const note = document.getElementById('not-enrolled');
  if (note) note.hidden = Boolean(await ready().catch(() => null));
}

/** after tells what became of acts where it is not what was hoped for; else it goes on to the next page. */
export function after(form, results, next) {
  const apart = results.find((r) => r.status === 'quarantined' || r.status === 'refused');
  const waits = results.some((r) => r.status === 'waiting');
  form.dataset.sealed = '';
  if (!apart && !waits) return location.assign(next);
  for (const f of form.querySelectorAll('button')) f.remove(); // it is sealed: nothing here is to be sealed again
  const note = document.createElement('p');
  note.className = `note ${apart ? 'bad' : 'warn'}`;
  note.setAttribute('role', 'alert');
  note.tabIndex = -1;
  note.textContent = apart ? t('lab.js.quarantined', `${apart.code} ${apart.detail ?? ''}`) : t('lab.js.waiting');
  form.append(note);
  note.focus();
  return undefined;
}
