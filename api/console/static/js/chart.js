// A chart of air readings on a canvas: the span from least to largest reading as a
// band, the mean as a line, and never hidden: gaps as gaps, faults and readings above
// range as marks, limits as lines, alarms as bars. What is drawn comes in buckets for
// the zoom at hand (see package chart); the figures are exact whole numbers with a
// scale. The same figures are in a table for whoever cannot see a picture.
//
// Keys: left and right move the reading line, with Shift the picture; + and − zoom,
// Home shows everything, End follows the newest.

import { drawLimits, drawMarks, exact, right, steps } from './marks.js';
import { getJSON } from './http.js';
import { moment } from './moment.js';
import { el, t, locale } from './words.js';

/** A view is never shorter, milliseconds. */
const shortest = 5_000;
/** Rows of the table that stands for the picture; a longer stretch is to be zoomed into. */
const tableRows = 400;
const wait = 120;

const spans = [1, 2, 5, 10, 15, 30].map((s) => s * 1000).concat([1, 2, 5, 10, 15, 30].map((m) => m * 60_000), [1, 2, 3, 6, 12, 24, 48, 168].map((h) => h * 3_600_000));

/** Chart draws one channel of one series into a host with data-chart, the address of its buckets. */
export class Chart {
  constructor(host) {
    this.host = host;
    this.url = host.dataset.chart;
    this.follow = true;
    this.data = null;
    this.view = null;
    this.at = null;
    this.build();
    this.measure();
    this.watch();
    this.load();
  }

  build() {
    const button = (key, fn, text) => el('button', { type: 'button', class: 'small', 'aria-label': t(key), title: t(key), onclick: fn }, text);
    this.followButton = el('button', { type: 'button', class: 'small', 'aria-pressed': 'true', onclick: () => this.setFollow(!this.follow) }, t('draw.chart.follow'));
    this.canvas = el('canvas', { class: 'chart-canvas', tabindex: 0, role: 'img', 'aria-label': this.host.dataset.title ?? '' });
    this.readout = el('p', { class: 'chart-readout mono', 'aria-live': 'polite' });
    this.alarms = el('p', { class: 'note bad chart-alarms', role: 'status', hidden: true });
    this.table = el('div', { class: 'scroll chart-table' });
    this.details = el('details', { ontoggle: () => this.fillTable() }, el('summary', {}, t('draw.chart.table')), this.table);
    this.host.replaceChildren(
      this.alarms,
      el('div', { class: 'row chart-tools no-print' },
        button('draw.zoom.in', () => this.zoom(0.5), '+'), button('draw.zoom.out', () => this.zoom(2), '−'),
        button('draw.pan.left', () => this.pan(-0.25), '◀'), button('draw.pan.right', () => this.pan(0.25), '▶'),
        el('button', { type: 'button', class: 'small', onclick: () => this.whole() }, t('draw.whole')), this.followButton),
      this.canvas, this.readout, this.details);
    this.canvas.setAttribute('aria-describedby', this.readout.id = `readout-${Math.random().toString(36).slice(2)}`);
  }

  watch() {
    const c = this.canvas;
    new ResizeObserver(() => this.draw()).observe(c);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    const held = new Map();
    let before = null;
    const spread = () => {
      const xs = [...held.values()];
      return { mid: xs.reduce((a, b) => a + b, 0) / xs.length, wide: xs.length > 1 ? Math.abs(xs[0] - xs[1]) : 0 };
    };
    const restart = () => { before = held.size ? { ...spread(), view: { ...this.view } } : null; };
    c.addEventListener('pointerdown', (e) => {
      if (!this.view) return;
      c.setPointerCapture(e.pointerId);
      held.set(e.pointerId, e.offsetX);
      restart();
    });
    c.addEventListener('pointermove', (e) => {
      if (held.has(e.pointerId) && before) {
        held.set(e.pointerId, e.offsetX);
        const now = spread();
        const span = before.view.to - before.view.from;
        const factor = before.wide > 10 && now.wide > 10 ? before.wide / now.wide : 1;
        const under = before.view.from + ((before.mid - this.left) / this.width()) * span;
        const from = under - ((now.mid - this.left) / this.width()) * span * factor;
        if (Math.abs(now.mid - before.mid) > 3 || factor !== 1) this.setView(from, from + span * factor);
      } else {
        this.point(this.timeAt(e.offsetX));
      }
    });
    for (const end of ['pointerup', 'pointercancel']) c.addEventListener(end, (e) => { held.delete(e.pointerId); restart(); });
    c.addEventListener('pointerleave', () => { if (document.activeElement !== c) this.point(null); });
    c.addEventListener('dblclick', (e) => this.zoom(0.5, this.timeAt(e.offsetX)));
    // The wheel scrolls the page, unless the picture was chosen first.
    c.addEventListener('wheel', (e) => {
      if (document.activeElement !== c && !e.ctrlKey) return;
      e.preventDefault();
      if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) this.pan(Math.sign(e.deltaX || e.deltaY) * 0.1);
      else this.zoom(e.deltaY > 0 ? 1.25 : 0.8, this.timeAt(e.offsetX));
    }, { passive: false });
    c.addEventListener('keydown', (e) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (move && e.shiftKey) this.pan(move * 0.25);
      else if (move) this.step(move);
      else if (e.key === '+' || e.key === '=') this.zoom(0.5, this.at ?? undefined);
      else if (e.key === '-' || e.key === '−') this.zoom(2, this.at ?? undefined);
      else if (e.key === 'Home') this.whole();
      else if (e.key === 'End') this.setFollow(true);
      else if (e.key === 'Escape') this.point(null);
      else return;
      e.preventDefault();
    });
  }

  /** measure takes the margins from the size of the letters: left for figures, bottom for times, top for alarms. */
  measure() {
    this.font = parseFloat(getComputedStyle(this.canvas).fontSize) || 12;
    this.left = Math.round(this.font * 5.2);
    this.top = Math.round(this.font * 1.5);
    this.bottom = Math.round(this.font * 2.4);
  }

  width() { return Math.max(50, this.canvas.clientWidth - this.left - right); }
  timeAt(x) { return this.view ? this.view.from + ((x - this.left) / this.width()) * (this.view.to - this.view.from) : null; }
  xOf(time) { return this.left + ((time - this.view.from) / (this.view.to - this.view.from)) * this.width(); }

  setView(from, to) {
    const d = this.data;
    let span = Math.max(shortest, to - from);
    if (d) {
      const most = (d.last - d.first) * 1.2 + 60_000;
      const mid = (from + to) / 2;
      span = Math.min(span, most);
      from = Math.min(Math.max(mid - span / 2, d.first - span / 2), d.last - span / 2);
    }
    this.view = { from, to: from + span };
    if (this.follow && d && this.view.to < d.last) this.setFollow(false);
    this.draw();
    this.ask();
  }

  zoom(factor, about) {
    if (!this.view) return;
    const { from, to } = this.view;
    about ??= this.follow ? to : (from + to) / 2;
    this.setView(about - (about - from) * factor, about + (to - about) * factor);
  }

  pan(part) {
    if (!this.view) return;
    const shift = (this.view.to - this.view.from) * part;
    this.setView(this.view.from + shift, this.view.to + shift);
  }

  whole() {
    if (!this.data) return;
    const margin = Math.max(1000, (this.data.last - this.data.first) * 0.02);
    this.setView(this.data.first - margin, this.data.last + margin);
  }

  setFollow(on) {
    this.follow = on;
    this.followButton.setAttribute('aria-pressed', String(on));
    if (on && this.data && this.view) {
      const span = this.view.to - this.view.from;
      this.setView(this.data.last + span * 0.02 - span, this.data.last + span * 0.02);
    }
  }

  /** refresh is called when readings may have arrived. */
  refresh() { this.stale = true; this.ask(); }

  ask() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), wait);
  }

  async load() {
    if (this.loading) { this.again = true; return; }
    this.loading = true;
    try {
      const q = new URLSearchParams({ buckets: Math.min(4000, Math.max(60, 2 * Math.round(this.width()))) });
      if (this.view) {
        const span = this.view.to - this.view.from;
        // Not up to now: readings of long ago would all be in one bucket. Where newer ones
        // have come, the answer says so, and the view goes on to them.
        q.set('from', Math.floor(this.view.from - span / 2));
        q.set('to', Math.ceil(this.view.to + span / 2));
      }
      const first = !this.data;
      const before = this.data?.last;
      this.data = await getJSON(`${this.url}&${q}`);
      this.host.dataset.state = 'ready';
      this.host.dataset.last = this.data.last;
      if (first && this.data.t.length) this.whole();
      else if (this.follow && this.view && this.data.last !== before) this.setFollow(true);
      this.draw();
      if (this.details.open) this.fillTable();
    } catch (e) {
      this.readout.textContent = e.message;
      this.host.dataset.state = 'failed';
    } finally {
      this.loading = false;
      if (this.again) { this.again = false; this.ask(); }
    }
  }

  /** shown gives the numbers of the buckets in the view. */
  shown() {
    const { t: times, width_ms: w } = this.data;
    const list = [];
    for (let i = 0; i < times.length; i++) if (times[i] + w > this.view.from && times[i] < this.view.to) list.push(i);
    return list;
  }

  bounds(list) {
    const d = this.data;
    let low = Infinity;
    let high = -Infinity;
    for (const i of list) if (d.n[i]) { low = Math.min(low, d.min[i]); high = Math.max(high, d.max[i]); }
    if (low > high) [low, high] = [0, 1];
    for (const l of d.limits) if (l.value > low && l.value < high * (/^(range|ldl)/.test(l.id) ? 1.2 : 2.5) && l.value > 0) high = Math.max(high, l.value);
    if (low > 0 && low < high * 0.6) low = 0;
    const margin = (high - low || Math.abs(high) || 1) * 0.06;
    return [low === 0 ? 0 : low - margin, high + margin];
  }

  draw() {
    const c = this.canvas;
    const ratio = devicePixelRatio || 1;
    const w = c.clientWidth;
    const h = c.clientHeight;
    if (!w || !h) return;
    this.measure();
    const { left, top, bottom } = this;
    if (c.width !== Math.round(w * ratio) || c.height !== Math.round(h * ratio)) { c.width = Math.round(w * ratio); c.height = Math.round(h * ratio); }
    const g = c.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, w, h);
    const css = getComputedStyle(c);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim() || '#333';
    g.font = `${this.font}px ${css.fontFamily}`;
    const d = this.data;
    if (!d || !this.view || !d.t.length) {
      g.fillStyle = colour('muted');
      if (d) g.fillText(t('draw.chart.none'), left, h / 2);
      return;
    }
    const list = this.shown();
    const [low, high] = this.bounds(list);
    const y = (v) => top + (1 - (v - low) / (high - low)) * (h - top - bottom);
    const p = { g, w, h, y, colour, list, low, high, d };
    this.drawGrid(p);
    g.save();
    g.beginPath();
    g.rect(left, 0, w - left - right, h - bottom + 1);
    g.clip();
    this.drawGaps(p);
    this.drawReadings(p);
    drawLimits(this, p);
    drawMarks(this, p);
    g.restore();
    this.drawCursor(p);
    this.tell(list);
  }

  drawGrid({ g, w, h, y, colour, low, high, d }) {
    const { left, bottom, font } = this;
    const factor = 10 ** d.scale;
    const rows = steps(low / factor, high / factor, Math.max(2, Math.round(h / (font * 5))));
    const places = Math.max(0, -Math.floor(Math.log10(rows.step) + 1e-9));
    g.strokeStyle = colour('line');
    g.fillStyle = colour('muted');
    g.textAlign = 'right';
    g.textBaseline = 'middle';
    g.lineWidth = 1;
    g.beginPath();
    for (const v of rows.list) {
      const at = Math.round(y(v * factor)) + 0.5;
      g.moveTo(left, at);
      g.lineTo(w - right, at);
      g.fillText(v.toFixed(places).replace('-', '−'), left - 6, at);
    }
    g.stroke();
    g.textAlign = 'left';
    g.textBaseline = 'top';
    if (d.unit) g.fillText(d.unit, 4, 0);
    const span = this.view.to - this.view.from;
    const step = spans.find((s) => (span / s) * font * 7 < this.width()) ?? spans.at(-1) * Math.ceil(span / spans.at(-1) / 6);
    const offset = d.zoned ? new Date(this.view.from).getTimezoneOffset() * 60_000 : 0;
    g.textAlign = 'center';
    g.beginPath();
    for (let at = Math.ceil((this.view.from - offset) / step) * step + offset; at < this.view.to; at += step) {
      const x = Math.round(this.xOf(at)) + 0.5;
      g.moveTo(x, h - bottom);
      g.lineTo(x, h - bottom + 5);
      const text = step >= 86_400_000 ? this.day(at) : this.clock(at, step < 60_000);
      if (x > left + font * 1.6 && x < w - right - font * 1.5) g.fillText(text, x, h - bottom + 8);
    }
    g.moveTo(left, h - bottom + 0.5);
    g.lineTo(w - right, h - bottom + 0.5);
    g.stroke();
  }

  drawGaps({ g, h, colour, d }) {
    const { left, top, bottom } = this;
    g.fillStyle = colour('warn-soft');
    g.strokeStyle = colour('warn');
    for (const [from, to] of d.gaps) {
      const a = this.xOf(from);
      const b = Math.max(a + 1, this.xOf(to));
      if (b < left || a > left + this.width()) continue;
      g.fillRect(a, top, b - a, h - top - bottom);
      g.setLineDash([2, 3]);
      g.beginPath();
      for (const x of [a, b]) { g.moveTo(x, top); g.lineTo(x, h - bottom); }
      g.stroke();
      g.setLineDash([]);
    }
  }

  drawReadings({ g, y, colour, list, d }) {
    const broken = (i, j) => {
      const a = d.t[i];
      const b = d.t[j];
      return b - a > Math.max(2.5 * d.width_ms, 3 * (d.period_ms ?? 0)) || d.gaps.some(([from, to]) => from < b + d.width_ms && to > a && to - from > d.width_ms);
    };
    const mid = (i) => this.xOf(d.t[i] + d.width_ms / 2);
    const runs = [];
    let last = -1;
    for (const i of list) {
      if (!d.n[i]) { last = -1; continue; }
      if (last < 0 || broken(last, i)) runs.push([]);
      runs.at(-1).push(i);
      last = i;
    }
    g.fillStyle = colour('chart-band');
    for (const run of runs) {
      g.beginPath();
      for (const i of run) g.lineTo(mid(i), y(d.max[i]));
      for (const i of run.toReversed()) g.lineTo(mid(i), y(d.min[i]));
      g.closePath();
      g.fill();
    }
    const mean = 10 ** (d.scale - d.mean_scale);
    g.strokeStyle = colour('accent');
    g.fillStyle = colour('accent');
    g.lineWidth = 1.5;
    const dots = list.length * 6 < this.width();
    for (const run of runs) {
      g.beginPath();
      for (const i of run) g.lineTo(mid(i), y(d.mean[i] * mean));
      g.stroke();
      for (const i of dots || run.length === 1 ? run : []) {
        g.beginPath();
        g.arc(mid(i), y(d.mean[i] * mean), 2.5, 0, 7);
        g.fill();
      }
    }
    g.lineWidth = 1;
  }

  drawCursor({ g, h, y, colour, d }) {
    const { top, bottom } = this;
    const i = this.bucketAt(this.at);
    if (i < 0) { if (this.at === null) this.readout.textContent = this.sum(); return; }
    const x = Math.round(this.xOf(d.t[i] + d.width_ms / 2)) + 0.5;
    g.strokeStyle = colour('ink');
    g.beginPath();
    g.moveTo(x, top);
    g.lineTo(x, h - bottom);
    g.stroke();
    if (d.n[i]) {
      g.fillStyle = colour('ink');
      for (const v of [d.min[i], d.max[i]]) { g.beginPath(); g.arc(x, y(v), 3, 0, 7); g.fill(); }
    }
    this.readout.textContent = this.words(i);
  }

  bucketAt(time) {
    if (time === null || !this.data || !this.view) return -1;
    const { t: times, width_ms: w } = this.data;
    let best = -1;
    let near = Infinity;
    for (let i = 0; i < times.length; i++) {
      const far = Math.abs(times[i] + w / 2 - time);
      if (far < near) { near = far; best = i; }
    }
    return near < Math.max(w, ((this.view.to - this.view.from) / this.width()) * 8) ? best : -1;
  }

  point(time) {
    if (!this.data || !this.view) return;
    this.at = time;
    this.draw();
  }

  step(by) {
    if (!this.data?.t.length || !this.view) return;
    const list = this.shown();
    if (!list.length) return;
    const now = list.indexOf(this.bucketAt(this.at));
    const next = now < 0 ? (by < 0 ? list.length - 1 : 0) : Math.min(list.length - 1, Math.max(0, now + by));
    if (next === now) this.pan(by * 0.25);
    else this.point(this.data.t[list[next]] + this.data.width_ms / 2);
  }

  title(l) { return locale().startsWith('zh') ? l.title.zh : l.title.en; }
  zone() { return this.data.zoned ? {} : { timeZone: 'UTC' }; }
  clock(at, seconds) { return new Date(at).toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit', ...(seconds && { second: '2-digit' }), hour12: false, ...this.zone() }); }
  day(at) { return new Date(at).toLocaleDateString(locale(), { month: 'short', day: 'numeric', ...this.zone() }); }
  moment(at) { return this.data.zoned ? moment(at) : `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} ${t('draw.chart.nozone')}`; }

  /** words says what one bucket holds. */
  words(i) {
    const d = this.data;
    const parts = [this.moment(d.t[i])];
    if (d.n[i]) parts.push(t('draw.chart.figures', exact(d.min[i], d.scale), exact(d.mean[i], d.mean_scale), exact(d.max[i], d.scale), d.unit ?? '', d.n[i]));
    if (d.empty[i]) parts.push(t('draw.chart.empty', d.empty[i]));
    if (d.fault[i]) parts.push(t('draw.chart.fault', d.fault[i]));
    if (d.over[i]) parts.push(t('draw.chart.over', d.over[i]));
    if (d.flags[i]) parts.push(t('draw.chart.flags', d.flags[i]));
    return parts.join(' · ');
  }

  /** sum says what is in view. */
  sum() {
    const d = this.data;
    const list = this.shown();
    let n = 0;
    let fault = 0;
    let over = 0;
    for (const i of list) { n += d.n[i]; fault += d.fault[i]; over += d.over[i]; }
    const gaps = d.gaps.filter(([a, b]) => b > this.view.from && a < this.view.to).length;
    return t('draw.chart.sum', n, gaps, fault, over);
  }

  tell() {
    const d = this.data;
    this.alarms.hidden = d.alarms.length === 0;
    const said = d.limits.map((l) => [l, d.alarms.filter((a) => a.line === l.id)]).filter(([, list]) => list.length)
      .map(([l, list]) => t('draw.chart.alarm', this.title(l), list.length, this.moment(list.at(-1).from), `${exact(list.at(-1).peak, d.scale)} ${d.unit ?? ''}`)).join('\n');
    if (said !== this.said) this.alarms.replaceChildren(...said.split('\n').map((line) => el('span', {}, line)));
    this.said = said;
    this.canvas.setAttribute('aria-label', `${this.host.dataset.title ?? d.name}: ${this.sum()}`);
  }

  fillTable() {
    if (!this.details.open || !this.data || !this.view) return;
    const d = this.data;
    const list = this.shown();
    const every = Math.ceil(list.length / tableRows);
    const head = ['time', 'least', 'mean', 'largest', 'n', 'remark'].map((k) => el('th', { scope: 'col', class: k === 'time' || k === 'remark' ? '' : 'n' }, t(`draw.chart.${k}`)));
    const rows = list.filter((_, k) => k % every === 0).map((i) => el('tr', {}, el('td', {}, this.moment(d.t[i])),
      ...(d.n[i] ? [exact(d.min[i], d.scale), exact(d.mean[i], d.mean_scale), exact(d.max[i], d.scale)] : ['—', '—', '—']).map((v) => el('td', { class: 'n' }, v)),
      el('td', { class: 'n' }, String(d.n[i])),
      el('td', {}, [d.fault[i] && t('draw.chart.fault', d.fault[i]), d.over[i] && t('draw.chart.over', d.over[i]), d.empty[i] && t('draw.chart.empty', d.empty[i]), d.flags[i]].filter(Boolean).join(' · '))));
    const caption = el('caption', {}, every > 1 ? t('draw.chart.every', every) : this.host.dataset.title ?? d.name);
    this.table.replaceChildren(el('table', { class: 'table' }, caption, el('thead', {}, el('tr', {}, head)), el('tbody', {}, rows)));
    this.table.tabIndex = 0;
    this.table.setAttribute('role', 'region');
    this.table.setAttribute('aria-label', t('draw.chart.table'));
  }
}
