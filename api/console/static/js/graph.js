// Links between things as a layered graph: each link runs to the right, from what it
// starts at to what it leads to, so that a trail is read like a line of text: barrel →
// vehicle → site → party → account. Plain SVG, laid out here; the table below it says
// the same in words.

import { el, fit, t } from './words.js';

const space = 'http://www.w3.org/2000/svg';
const boxWide = 168;
const boxTall = 44;
const gapX = 96;
const gapY = 14;
/** Sweeps that put the boxes of a layer in order; more change little. */
const sweeps = 12;

function svg(name, attributes = {}, ...children) {
  const e = document.createElementNS(space, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

/**
 * layout puts nodes [{id}] and edges [{from, to}] into layers: {layer, x, y} by id.
 * Edges that close a circle are turned round for the layering only.
 */
export function layout(nodes, edges) {
  const ids = nodes.map((n) => n.id);
  const known = new Set(ids);
  const list = edges.filter((e) => known.has(e.from) && known.has(e.to) && e.from !== e.to);
  const down = acyclic(ids, list);
  const layer = layersOf(ids, down);
  const rows = [];
  for (const id of ids) (rows[layer.get(id)] ??= []).push(id);
  for (let i = 0; i < rows.length; i++) rows[i] ??= [];
  const before = new Map(ids.map((id) => [id, []]));
  const after = new Map(ids.map((id) => [id, []]));
  for (const [a, b] of down) { after.get(a).push(b); before.get(b).push(a); }
  for (let s = 0; s < sweeps; s++) {
    const place = new Map(rows.flatMap((r) => r.map((id, i) => [id, i / Math.max(1, r.length - 1)])));
    const forward = s % 2 === 0;
    for (const r of forward ? rows : rows.toReversed()) {
      const side = forward ? before : after;
      const weight = (id) => { const n = side.get(id); return n.length ? n.reduce((sum, o) => sum + place.get(o), 0) / n.length : place.get(id); };
      const w = new Map(r.map((id) => [id, weight(id)]));
      r.sort((a, b) => w.get(a) - w.get(b));
      r.forEach((id, i) => place.set(id, i / Math.max(1, r.length - 1)));
    }
  }
  const tallest = Math.max(1, ...rows.map((r) => r.length));
  const out = new Map();
  rows.forEach((r, x) => r.forEach((id, i) => {
    const room = (tallest / r.length) * (boxTall + gapY);
    out.set(id, { layer: x, x: x * (boxWide + gapX), y: i * room + (room - boxTall) / 2 });
  }));
  return { at: out, width: rows.length * (boxWide + gapX) - gapX, height: tallest * (boxTall + gapY) };
}

/** acyclic gives the edges as pairs, those that lead back on the way turned round. */
function acyclic(ids, edges) {
  const out = new Map(ids.map((id) => [id, []]));
  for (const e of edges) out.get(e.from).push(e.to);
  const state = new Map();
  const pairs = [];
  for (const root of ids) {
    if (state.has(root)) continue;
    const path = [[root, 0]];
    state.set(root, 1);
    while (path.length) {
      const top = path.at(-1);
      const next = out.get(top[0])[top[1]++];
      if (next === undefined) { state.set(top[0], 2); path.pop(); continue; }
      if (state.get(next) === 1) { pairs.push([next, top[0]]); continue; }
      pairs.push([top[0], next]);
      if (!state.has(next)) { state.set(next, 1); path.push([next, 0]); }
    }
  }
  return pairs;
}

/** layersOf gives each node the length of the longest way to it. */
function layersOf(ids, pairs) {
  const layer = new Map(ids.map((id) => [id, 0]));
  const open = new Map(ids.map((id) => [id, 0]));
  const out = new Map(ids.map((id) => [id, []]));
  for (const [a, b] of pairs) { out.get(a).push(b); open.set(b, open.get(b) + 1); }
  const ready = ids.filter((id) => open.get(id) === 0);
  while (ready.length) {
    const id = ready.pop();
    for (const next of out.get(id)) {
      layer.set(next, Math.max(layer.get(next), layer.get(id) + 1));
      open.set(next, open.get(next) - 1);
      if (open.get(next) === 0) ready.push(next);
    }
  }
  // What nothing leads to stands right before what it leads to.
  for (const id of ids) if (layer.get(id) === 0 && out.get(id).length) layer.set(id, Math.max(0, Math.min(...out.get(id).map((n) => layer.get(n))) - 1));
  return layer;
}

/** Graph draws the JSON {nodes: [{id, kind, label}], edges: [{from, to, relation, basis}]} of the block that data-graph names. */
export class Graph {
  constructor(host) {
    this.host = host;
    const { nodes, edges } = JSON.parse(document.getElementById(host.dataset.graph).textContent);
    this.nodes = nodes;
    this.edges = edges;
    this.scale = 1;
    this.build();
  }

  build() {
    if (!this.edges.length) { this.host.replaceChildren(el('p', { class: 'empty' }, t('draw.graph.none'))); return; }
    const { at, width, height } = layout(this.nodes, this.edges);
    this.size = [width + 20, height + 20];
    const button = (key, fn, text) => el('button', { type: 'button', class: 'small', 'aria-label': t(key), title: t(key), onclick: fn }, text);
    this.info = el('p', { class: 'map-info', 'aria-live': 'polite' });
    const lines = this.edges.map((e) => this.edge(e, at)).filter(Boolean);
    const boxes = this.nodes.map((n) => this.box(n, at.get(n.id)));
    this.root = svg('svg', { class: 'graph-svg', viewBox: `-10 -10 ${this.size[0]} ${this.size[1]}`, role: 'group', 'aria-label': t('draw.graph.label', this.nodes.length, this.edges.length) },
      svg('defs', {}, svg('marker', { id: 'arrow', viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, markerUnits: 'userSpaceOnUse', orient: 'auto-start-reverse' }, svg('path', { d: 'M0 0L10 5L0 10z', class: 'graph-arrow' }))),
      ...lines.map((l) => l.line), ...this.relations(at), ...boxes);
    this.lines = lines;
    this.frame = el('div', { class: 'graph-frame', tabindex: 0, role: 'region', 'aria-label': t('draw.graph.label', this.nodes.length, this.edges.length) }, this.root);
    this.host.replaceChildren(el('div', { class: 'row chart-tools no-print' }, button('draw.zoom.in', () => this.zoom(1.25), '+'), button('draw.zoom.out', () => this.zoom(0.8), '−'),
      el('button', { type: 'button', class: 'small', onclick: () => this.whole() }, t('draw.whole'))), this.frame, this.info);
    this.whole();
    this.host.dataset.state = 'ready';
  }

  /** whole fits the graph into its frame, but never so small that it cannot be read. */
  whole() { this.scale = Math.min(1, Math.max(0.45, (this.frame.clientWidth - 4) / this.size[0])); this.resize(); }
  zoom(by) { this.scale = Math.min(2, Math.max(0.2, this.scale * by)); this.resize(); }
  resize() {
    this.root.setAttribute('width', Math.round(this.size[0] * this.scale));
    this.root.setAttribute('height', Math.round(this.size[1] * this.scale));
  }

  edge(e, at) {
    const a = at.get(e.from);
    const b = at.get(e.to);
    if (!a || !b) return null;
    const back = b.layer <= a.layer;
    const x1 = back ? a.x + boxWide / 2 : a.x + boxWide;
    const y1 = a.y + (back ? boxTall : boxTall / 2);
    const x2 = back ? b.x + boxWide / 2 : b.x - 2;
    const y2 = b.y + (back ? boxTall : boxTall / 2);
    const bend = back ? `M${x1} ${y1}C${x1} ${y1 + 50} ${x2} ${y2 + 50} ${x2} ${y2 + 2}` : `M${x1} ${y1}C${x1 + gapX / 2} ${y1} ${x2 - gapX / 2} ${y2} ${x2} ${y2}`;
    const line = svg('path', { class: 'graph-edge', d: bend, 'marker-end': 'url(#arrow)' }, svg('title', {}, `${e.relation}: ${e.basis}`));
    return { line, e };
  }

  /** relations writes what the links into a box say, each once, beside their arrows. */
  relations(at) {
    const into = new Map();
    for (const e of this.edges) {
      if (!at.get(e.from) || !at.get(e.to) || at.get(e.to).layer <= at.get(e.from).layer) continue;
      into.set(e.to, (into.get(e.to) ?? new Set()).add(e.relation));
    }
    return [...into].flatMap(([id, words]) => [...words].slice(0, 3).map((w, i) => svg('text', { class: 'graph-relation', x: at.get(id).x - 12, y: at.get(id).y + boxTall / 2 - 7 + (i === 0 ? 0 : 6 + i * 13), 'text-anchor': 'end' }, fit(w, 15))));
  }

  box(n, p) {
    const g = svg('g', { class: `graph-node kind-${n.kind}`, transform: `translate(${p.x} ${p.y})`, tabindex: 0, role: 'button', 'aria-label': `${n.label}, ${t(`draw.kind.${n.kind}`)}` },
      svg('rect', { width: boxWide, height: boxTall, rx: 4 }), svg('text', { class: 'graph-kind', x: 8, y: 15 }, t(`draw.kind.${n.kind}`)),
      svg('text', { class: 'graph-label', x: 8, y: 34 }, fit(n.label, 18)), svg('title', {}, n.label));
    const show = () => this.choose(n, g);
    g.addEventListener('click', show);
    g.addEventListener('focus', show);
    g.addEventListener('keydown', (e) => { if (e.key === 'Enter' || e.key === ' ') { show(); e.preventDefault(); } });
    return g;
  }

  choose(n, g) {
    this.root.querySelector('.graph-node.chosen')?.classList.remove('chosen');
    g.classList.add('chosen');
    const names = new Map(this.nodes.map((o) => [o.id, o.label]));
    const said = [];
    for (const { line, e } of this.lines) {
      const mine = e.from === n.id || e.to === n.id;
      line.classList.toggle('chosen', mine);
      if (mine) said.push(`${names.get(e.from)} → ${e.relation} → ${names.get(e.to)} (${e.basis})`);
    }
    this.info.textContent = said.length ? said.join(' · ') : n.label;
  }
}
