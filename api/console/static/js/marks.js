// What a chart shows beside its line: scales, limits, and the marks that are never left out.

/** exact writes a whole number with a scale as a decimal. */
export function exact(n, scale) {
  const minus = n < 0 ? '−' : '';
  const text = String(Math.abs(n)).padStart(scale + 1, '0');
  return minus + (scale ? `${text.slice(0, -scale)}.${text.slice(-scale)}` : text);
}

/** steps gives round values that cut a stretch into about n parts. */
export function steps(low, high, n) {
  const raw = (high - low || 1) / n;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * unit >= raw) * unit;
  const list = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step / 1e6; v += step) list.push(Math.abs(v) < step / 1e6 ? 0 : v);
  return { step, list };
}

/** right is the right margin in pixels; the others grow with the size of the letters. */
export const right = 14;

/** drawLimits draws the lines that readings are held against, each with its name where there is room. */
export function drawLimits(chart, { g, w, y, colour, low, high, d }) {
  const { left, font } = chart;
  let lastY = -99;
  for (const l of d.limits.toSorted((a, b) => b.value - a.value)) {
    if (l.value < low || l.value > high) continue;
    const at = Math.round(y(l.value)) + 0.5;
    const own = l.id.startsWith('range') || l.id === 'ldl';
    g.strokeStyle = g.fillStyle = colour(own ? 'muted' : 'bad');
    g.setLineDash(own ? [2, 4] : [7, 4]);
    g.beginPath();
    g.moveTo(left, at);
    g.lineTo(w - right, at);
    g.stroke();
    g.setLineDash([]);
    if (Math.abs(at - lastY) < font + 3) continue;
    lastY = at;
    g.textAlign = 'right';
    g.textBaseline = 'bottom';
    const value = exact(l.value, d.scale);
    const text = `${chart.title(l)} ${value}`;
    g.lineWidth = 3;
    g.strokeStyle = colour('paper');
    g.strokeText(g.measureText(text).width < chart.width() - 8 ? text : value, w - right - 4, at - 2);
    g.lineWidth = 1;
    g.fillText(g.measureText(text).width < chart.width() - 8 ? text : value, w - right - 4, at - 2);
  }
}

/** drawMarks draws alarms, faults and readings above the range: nothing of them is ever left out. */
export function drawMarks(chart, { g, h, colour, list, d }) {
  const { left, top, bottom } = chart;
  g.fillStyle = colour('bad');
  for (const a of d.alarms) {
    const mean = d.limits.find((l) => l.id === a.line)?.mean_ms > 0;
    const from = Math.max(left, chart.xOf(a.from));
    const to = Math.min(left + chart.width(), Math.max(chart.xOf(a.to), from + 3));
    if (to > from) g.fillRect(from, mean ? 2 : 7, to - from, mean ? 3 : 6);
  }
  for (const i of list) {
    const x = chart.xOf(d.t[i] + d.width_ms / 2);
    if (d.fault[i]) {
      g.fillStyle = colour('bad');
      g.beginPath();
      g.moveTo(x, h - bottom - 9);
      g.lineTo(x + 5, h - bottom);
      g.lineTo(x - 5, h - bottom);
      g.fill();
    }
    if (d.over[i]) {
      g.fillStyle = colour('warn');
      g.beginPath();
      g.moveTo(x, top);
      g.lineTo(x + 5, top + 8);
      g.lineTo(x - 5, top + 8);
      g.fill();
    }
    if (!d.n[i] && d.empty[i] && !d.fault[i]) {
      g.strokeStyle = colour('muted');
      g.strokeRect(x - 2, h - bottom - 5, 4, 4);
    }
  }
}
