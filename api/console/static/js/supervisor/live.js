// The live page: charts that follow what arrives. On a wall the page stays signed in
// for as long as the session may last at all, and turns no screen off.

import { Chart } from '../chart.js';
import { call } from '../http.js';
import { listen } from '../live.js';
import { t } from '../words.js';

const grid = document.getElementById('charts');
const charts = [...document.querySelectorAll('[data-chart]')].map((host) => new Chart(host));
const state = document.querySelector('[data-live]');
/** A series whose newest record is older is told apart: it does not run. */
const silent = 120_000;

function tell(s) {
  state.className = `tag ${{ on: 'ok', off: 'warn', end: 'bad' }[s]}`;
  state.textContent = t(`sv.js.live.${s}`);
}

const q = new URLSearchParams({ after: grid.dataset.after });
if (grid.dataset.streamCase) q.set('case', grid.dataset.streamCase);
listen(`/desk/supervisor/stream?${q}`, (list) => {
  const air = new Set(list.filter((a) => a.type?.startsWith('air.') || a.type === 'event.amended').map((a) => a.case));
  const known = new Set(charts.map((c) => c.host.dataset.case));
  for (const c of charts) if (air.has(c.host.dataset.case)) c.refresh();
  if (list.some((a) => a.type === 'air.started') || (!charts.length && [...air].some((id) => !known.has(id)))) setTimeout(() => location.reload(), 1000);
}, tell);

function age() {
  for (const tag of document.querySelectorAll('[data-age]')) {
    const host = tag.closest('.chart-card').querySelector('[data-chart]');
    const old = Date.now() - Number(host.dataset.last ?? tag.dataset.age);
    tag.className = `tag ${old > silent ? 'warn' : 'ok'}`;
    tag.textContent = old > silent ? t('sv.js.silent', old > 5_400_000 ? t('sv.js.hours', Math.round(old / 3_600_000)) : t('sv.js.minutes', Math.round(old / 60_000))) : t('sv.js.running');
  }
}
age();
setInterval(age, 5000);

if (grid.dataset.wall !== undefined) {
  document.documentElement.dataset.stays = '';
  document.body.classList.add('wall');
  setInterval(() => call('GET', '/v1/me').catch(() => {}), 600_000);
  navigator.wakeLock?.request('screen').catch(() => {});
}
