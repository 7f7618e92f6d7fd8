// A map without tiles: what a case's positions show of themselves, in metres, as SVG.
// Outlines of sites, circles of accuracy, tracks, a scale bar and north. Positions
// come as WGS-84 (GeoJSON); one that could not be brought to it is only in the list
// below. Labels that would cover one another are left out until there is room.
//
// Keys: arrows move, + and − zoom, 0 shows everything; Tab goes to the list, whose
// buttons bring a thing to the middle.

import { getJSON } from './http.js';
import { el, fit, t } from './words.js';

const space = 'http://www.w3.org/2000/svg';
/** Metres of a degree of latitude, near enough for a picture. */
const degree = 111_320;
/** The least width of what is shown, metres. */
const closest = 20;
const order = { site: 0, sample: 1, object: 2, series: 3, photo: 4, note: 5, event: 6, track: 7 };

function svg(name, attributes = {}, ...children) {
  const e = document.createElementNS(space, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

/** flatten lays positions onto a plane in metres about their middle, north up (y down). */
export function flatten(features) {
  const all = features.flatMap((f) => corners(f.geometry));
  if (!all.length) return null;
  // Longitudes are taken near the first one, so that a case across the 180th meridian stays in one piece.
  const near = all[0][0];
  const lon = (x) => near + ((((x - near + 180) % 360) + 360) % 360) - 180;
  const lat0 = all.reduce((s, p) => s + p[1], 0) / all.length;
  const lon0 = all.reduce((s, p) => s + lon(p[0]), 0) / all.length;
  const wide = degree * Math.cos((lat0 * Math.PI) / 180);
  return ([x, y]) => [(lon(x) - lon0) * wide, (lat0 - y) * degree];
}

function corners(g) {
  if (!g) return [];
  if (g.type === 'Point') return [g.coordinates];
  return g.type === 'Polygon' ? g.coordinates[0] : g.coordinates;
}

/** place keeps the labels that cover no other, in the order given: [{x, y, w, h}] to booleans. */
export function place(labels) {
  const kept = [];
  return labels.map((l) => {
    const free = kept.every((k) => l.x + l.w < k.x || k.x + k.w < l.x || l.y + l.h < k.y || k.y + k.h < l.y);
    if (free) kept.push(l);
    return free;
  });
}

/** Plan draws the GeoJSON at data-map into its host. */
export class Plan {
  constructor(host) {
    this.host = host;
    this.chosen = null;
    this.load();
  }

  async load() {
    try {
      const { features } = await getJSON(this.host.dataset.map);
      this.features = features.map((f) => ({ ...f.properties, geometry: f.geometry })).sort((a, b) => (order[a.kind] ?? 9) - (order[b.kind] ?? 9));
      this.project = flatten(this.features);
      this.build();
      this.host.dataset.state = 'ready';
    } catch (e) {
      this.host.replaceChildren(el('p', { class: 'note bad' }, e.message));
      this.host.dataset.state = 'failed';
    }
  }

  name(f) { return f.label || `${t(`draw.kind.${f.kind}`)}${f.by ? ` · ${f.by}` : ''}`; }

  build() {
    if (!this.features.length) {
      this.host.replaceChildren(el('p', { class: 'empty' }, t('draw.map.none')));
      return;
    }
    const button = (key, fn, text) => el('button', { type: 'button', class: 'small', 'aria-label': t(key), title: t(key), onclick: fn }, text);
    this.root = svg('svg', { class: 'map-svg', tabindex: 0, role: 'img', 'aria-label': t('draw.map.label', this.features.length) });
    this.info = el('p', { class: 'map-info', 'aria-live': 'polite' });
    const rows = this.features.map((f) => el('li', {}, f.geometry
      ? el('button', { type: 'button', class: 'small', onclick: () => this.choose(f) }, this.name(f))
      : el('span', {}, this.name(f), ' ', el('span', { class: 'tag warn' }, t('draw.map.unplaced', f.datum))),
    el('span', { class: 'muted' }, ` ${t(`draw.kind.${f.kind}`)}${f.accuracy_m ? ` · ±${f.accuracy_m} m` : ''}${f.converted_from ? ` · ${t('draw.map.converted', f.converted_from, f.conversion_error_m)}` : ''}`)));
    this.host.replaceChildren(
      el('div', { class: 'row chart-tools no-print' }, button('draw.zoom.in', () => this.zoom(0.6), '+'), button('draw.zoom.out', () => this.zoom(1 / 0.6), '−'),
        el('button', { type: 'button', class: 'small', onclick: () => this.whole() }, t('draw.whole'))),
      this.root, this.info,
      el('details', {}, el('summary', {}, t('draw.map.list', this.features.length)), el('ul', { class: 'map-list' }, rows)));
    if (!this.project) { this.root.remove(); this.host.querySelector('details').open = true; return; }
    this.watch();
    this.whole();
  }

  watch() {
    const s = this.root;
    new ResizeObserver(() => this.draw()).observe(s);
    const held = new Map();
    let before = null;
    const spread = () => {
      const ps = [...held.values()];
      return { x: ps.reduce((a, p) => a + p.x, 0) / ps.length, y: ps.reduce((a, p) => a + p.y, 0) / ps.length, wide: ps.length > 1 ? Math.hypot(ps[0].x - ps[1].x, ps[0].y - ps[1].y) : 0 };
    };
    const at = (e) => { const r = s.getBoundingClientRect(); return { x: e.clientX - r.left, y: e.clientY - r.top }; };
    const restart = () => { before = held.size ? { ...spread(), view: { ...this.view } } : null; };
    s.addEventListener('pointerdown', (e) => { s.setPointerCapture(e.pointerId); held.set(e.pointerId, at(e)); restart(); });
    s.addEventListener('pointermove', (e) => {
      if (!held.has(e.pointerId) || !before) return;
      held.set(e.pointerId, at(e));
      const now = spread();
      const factor = before.wide > 10 && now.wide > 10 ? before.wide / now.wide : 1;
      const { w, h } = this.size();
      const px = before.view.width / w;
      this.view = { width: before.view.width * factor, x: before.view.x + (before.x - w / 2) * px - (now.x - w / 2) * px * factor, y: before.view.y + (before.y - h / 2) * px - (now.y - h / 2) * px * factor };
      this.draw();
    });
    for (const end of ['pointerup', 'pointercancel']) s.addEventListener(end, (e) => { held.delete(e.pointerId); restart(); });
    s.addEventListener('wheel', (e) => {
      if (document.activeElement !== s && !e.ctrlKey) return;
      e.preventDefault();
      this.zoom(e.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
    s.addEventListener('keydown', (e) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      if (move) { this.view.x += move[0] * this.view.width * 0.15; this.view.y += move[1] * this.view.width * 0.15; this.draw(); }
      else if (e.key === '+' || e.key === '=') this.zoom(0.6);
      else if (e.key === '-') this.zoom(1 / 0.6);
      else if (e.key === '0' || e.key === 'Home') this.whole();
      else return;
      e.preventDefault();
    });
  }

  size() { return { w: this.root.clientWidth || 600, h: this.root.clientHeight || 400 }; }

  whole() {
    const points = this.features.flatMap((f) => corners(f.geometry).map(this.project));
    const reach = Math.max(0, ...this.features.map((f) => (f.geometry?.type === 'Point' ? f.accuracy_m ?? 0 : 0)));
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const { w, h } = this.size();
    const wide = Math.max(...xs) - Math.min(...xs) + 2 * reach;
    const tall = Math.max(...ys) - Math.min(...ys) + 2 * reach;
    this.view = { x: (Math.max(...xs) + Math.min(...xs)) / 2, y: (Math.max(...ys) + Math.min(...ys)) / 2, width: Math.max(closest * 2, wide * 1.25, (tall * 1.3 * w) / h) };
    this.draw();
  }

  zoom(factor) {
    this.view.width = Math.max(closest, this.view.width * factor);
    this.draw();
  }

  choose(f) {
    this.chosen = f;
    const [x, y] = this.project(corners(f.geometry)[0]);
    this.view = { x, y, width: Math.min(this.view.width, 400) };
    this.draw();
    this.tell(f);
    this.root.scrollIntoView({ block: 'nearest' });
  }

  tell(f) {
    const parts = [this.name(f), t(`draw.kind.${f.kind}`)];
    if (f.recorded_lat !== undefined) parts.push(`${f.recorded_lat}, ${f.recorded_lon} (${f.datum})`);
    if (f.accuracy_m) parts.push(`±${f.accuracy_m} m`);
    if (f.at) parts.push(f.at);
    if (f.converted_from) parts.push(t('draw.map.converted', f.converted_from, f.conversion_error_m));
    this.info.textContent = parts.join(' · ');
  }

  draw() {
    const { w, h } = this.size();
    const px = this.view.width / w;
    const screen = (p) => { const [x, y] = this.project(p); return [(x - this.view.x) / px + w / 2, (y - this.view.y) / px + h / 2]; };
    this.root.setAttribute('viewBox', `0 0 ${w} ${h}`);
    const shapes = [];
    const labels = [];
    for (const f of this.features.toReversed()) {
      if (!f.geometry) continue;
      const points = corners(f.geometry).map(screen);
      const g = svg('g', { class: `map-${f.kind}${f === this.chosen ? ' chosen' : ''}` });
      const text = points.map((p) => p.map((n) => n.toFixed(1)).join(',')).join(' ');
      let [x, y] = points[0];
      if (f.geometry.type === 'Polygon') {
        g.append(svg('polygon', { points: text }));
        x = points.reduce((s, p) => s + p[0], 0) / points.length;
        y = points.reduce((s, p) => s + p[1], 0) / points.length;
      } else if (f.geometry.type === 'LineString') {
        g.append(svg('polyline', { points: text, fill: 'none' }));
      } else {
        if (f.accuracy_m) g.append(svg('circle', { class: 'accuracy', cx: x, cy: y, r: Math.max(0, f.accuracy_m / px) }));
        g.append(this.mark(f.kind, x, y));
      }
      g.append(svg('title', {}, this.name(f)));
      g.addEventListener('click', () => { this.chosen = f; this.draw(); this.tell(f); });
      shapes.push(g);
      if (f.geometry.type !== 'LineString') labels.push({ f, x: x + 8, y: y - 9, text: fit(this.name(f), 32) });
    }
    labels.sort((a, b) => (b.f === this.chosen) - (a.f === this.chosen) || (order[a.f.kind] ?? 9) - (order[b.f.kind] ?? 9));
    const boxes = labels.map((l) => {
      const wide = [...l.text].reduce((s, c) => s + (c.codePointAt(0) > 0x2e7f ? 13 : 7.2), 6);
      if (l.x + wide > w && l.x - 16 - wide > 0) l.x -= 16 + wide; // on the other side of its mark, where there is room
      return { x: l.x, y: l.y, w: wide, h: 18 };
    });
    const free = place(boxes);
    const texts = labels.filter((l, i) => free[i] && l.x > -200 && l.x < w && l.y > -20 && l.y < h).map((l) => svg('text', { class: 'map-label', x: l.x, y: l.y + 13 }, l.text));
    this.root.replaceChildren(...shapes, ...texts, this.scaleBar(px, h), this.north(w));
  }

  mark(kind, x, y) {
    if (kind === 'sample') return svg('rect', { class: 'mark', x: x - 5, y: y - 5, width: 10, height: 10 });
    if (kind === 'photo') return svg('path', { class: 'mark', d: `M${x - 6} ${y + 5}L${x} ${y - 6}L${x + 6} ${y + 5}Z` });
    if (kind === 'object') return svg('path', { class: 'mark', d: `M${x} ${y - 7}L${x + 6} ${y}L${x} ${y + 7}L${x - 6} ${y}Z` });
    return svg('circle', { class: 'mark', cx: x, cy: y, r: kind === 'site' ? 7 : 5 });
  }

  scaleBar(px, h) {
    const most = px * 140;
    const unit = 10 ** Math.floor(Math.log10(most));
    const metres = [5, 2, 1].find((m) => m * unit <= most) * unit;
    const wide = metres / px;
    const label = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
    return svg('g', { class: 'map-scale' }, svg('path', { d: `M14 ${h - 20}v8h${wide.toFixed(1)}v-8`, fill: 'none' }), svg('text', { x: 18, y: h - 17 }, label));
  }

  north(w) {
    return svg('g', { class: 'map-north' }, svg('path', { d: `M${w - 24} 40l7 -24l7 24l-7 -6z` }), svg('text', { x: w - 17, y: 54, 'text-anchor': 'middle' }, t('draw.map.north')));
  }
}
