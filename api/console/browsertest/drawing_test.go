package browsertest_test

import (
	"fmt"
	"testing"

	"fieldseal/sync/event"
)

// Drawings are laid out by plain functions; here they run in the browser that runs
// them, over many things at once.
func TestDrawings(t *testing.T) {
	s := newScene(t)
	p := s.signIn(s.person("Zhao Min", s.Org, event.RoleSupervisor), "en")
	p.Eval(`(() => { globalThis.asset = (name) => document.querySelector('link[rel=stylesheet]').href.replace('css/desk.css', 'js/' + name); })()`, nil)
	var graph struct {
		Faults []string
		Layers int
		Tall   float64
	}
	// Two hundred things: drums on trucks, trucks at sites, sites of parties, accounts; and a circle.
	p.Eval(`import(asset('graph.js')).then(({layout}) => {
		const nodes = [], edges = [];
		const add = (kind, n) => { for (let i = 0; i < n; i++) nodes.push({id: kind + i, kind, label: kind + ' ' + i}); };
		add('drum', 120); add('truck', 40); add('site', 20); add('party', 15); add('account', 5);
		for (let i = 0; i < 120; i++) edges.push({from: 'drum' + i, to: 'truck' + i % 40});
		for (let i = 0; i < 40; i++) edges.push({from: 'truck' + i, to: 'site' + i % 20});
		for (let i = 0; i < 20; i++) edges.push({from: 'site' + i, to: 'party' + i % 15});
		for (let i = 0; i < 15; i++) edges.push({from: 'party' + i, to: 'account' + i % 5});
		edges.push({from: 'account0', to: 'truck0'}, {from: 'truck1', to: 'truck1'}, {from: 'drum0', to: 'nobody'});
		const {at, width, height} = layout(nodes, edges);
		const faults = [];
		const boxes = nodes.map((n) => ({...at.get(n.id), id: n.id}));
		for (const b of boxes) {
			if (!(b.x >= 0 && b.y >= 0 && b.x + 168 <= width && b.y + 44 <= height)) faults.push(b.id + ' lies outside');
			for (const o of boxes) if (o.id > b.id && Math.abs(o.x - b.x) < 168 && Math.abs(o.y - b.y) < 44) faults.push(b.id + ' covers ' + o.id);
		}
		for (const e of edges.slice(0, 195)) if (at.get(e.from).layer >= at.get(e.to).layer) faults.push(e.from + ' is not before ' + e.to);
		return {faults: faults.slice(0, 10), layers: new Set(boxes.map((b) => b.layer)).size, tall: height};
	})`, &graph)
	if len(graph.Faults) > 0 || graph.Layers != 5 || graph.Tall > 120*58+1 {
		t.Errorf("%d layers, %v high: %v", graph.Layers, graph.Tall, graph.Faults)
	}
	var kept []bool
	p.Eval(`import(asset('map.js')).then(({place}) => place([{x: 0, y: 0, w: 50, h: 18}, {x: 40, y: 5, w: 50, h: 18}, {x: 60, y: 30, w: 50, h: 18}, {x: 51, y: 0, w: 5, h: 18}]))`, &kept)
	if fmt.Sprint(kept) != "[true false true true]" {
		t.Errorf("labels that are shown: %v", kept)
	}
	var across []float64
	p.Eval(`import(asset('map.js')).then(({flatten}) => { const f = flatten([{geometry: {type: 'Point', coordinates: [179.999, 10]}}, {geometry: {type: 'Point', coordinates: [-179.999, 10]}}]); return [f([179.999, 10])[0], f([-179.999, 10])[0]]; })`, &across)
	if d := across[1] - across[0]; d < 200 || d > 240 {
		t.Errorf("two thousandths of a degree across the 180th meridian are %v m", d)
	}
	for in, want := range map[string]string{"exact(-5, 2)": "−0.05", "exact(1250, 2)": "12.50", "exact(7, 0)": "7", "exact(-1200, 3)": "−1.200", "steps(0, 41.3, 5).list.join(' ')": "0 10 20 30 40", "steps(-0.3, 0.2, 5).list.map((v) => v.toFixed(1)).join(' ')": "-0.3 -0.2 -0.1 0.0 0.1 0.2"} {
		var got string
		p.Eval(`import(asset('marks.js')).then(({exact, steps}) => `+in+`)`, &got)
		if got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

// Readings of long ago are drawn as those of today are: what is asked for is what is in view.
func TestChartOfLongAgo(t *testing.T) {
	s := newScene(t)
	p := s.signIn(s.person("Zhao Min", s.Org, event.RoleSupervisor), "en")
	p.Eval(`(() => { globalThis.asset = (name) => document.querySelector('link[rel=stylesheet]').href.replace('css/desk.css', 'js/' + name); })()`, nil)
	var got struct {
		Ink  float64
		Span float64
	}
	p.Eval(`(async () => {
		const start = Date.UTC(2019, 4, 3, 8), n = 600;
		let span = 0, asked = 0;
		globalThis.fetch = async (path) => {
			const q = new URL(path, location.href).searchParams;
			const from = Number(q.get('from') ?? start), to = Number(q.get('to') ?? start + n * 10000);
			span = Math.max(span, to - from);
			asked++;
			const width = Math.max(10000, Math.ceil((to - from) / Number(q.get('buckets'))));
			const sums = new Map();
			for (let i = 0; i < n; i++) { const b = Math.floor((start + i * 10000) / width) * width; sums.set(b, (sums.get(b) ?? 0) + 1); }
			const t = [...sums.keys()], count = [...sums.values()];
			return Response.json({name: 'x', unit: 'ppm', scale: 0, mean_scale: 0, from, to, first: start, last: start + (n - 1) * 10000, zoned: true, width_ms: width, period_ms: 10000, t, n: count,
				min: t.map(() => 10), max: t.map((_, i) => 11 + i % 3), mean: t.map(() => 11), empty: t.map(() => 0), fault: t.map(() => 0), over: t.map(() => 0), flags: t.map(() => ''),
				gaps: [], gap_count: 0, limits: [], alarms: [], alarm_count: 0, index: 1});
		};
		const {Chart} = await import(asset('chart.js'));
		const host = document.createElement('div');
		document.querySelector('main').replaceChildren(host);
		Object.assign(host.dataset, {chart: '/series?channel=0', title: 'of long ago'});
		const chart = new Chart(host);
		const canvas = host.querySelector('canvas');
		let ink = 0;
		for (let tries = 0; tries < 60 && (asked < 3 || ink < 300); tries++) {
			if (tries % 5 === 4) chart.refresh();
			await new Promise((f) => setTimeout(f, 100));
			const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
			ink = 0;
			for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200 && d[i] < 40 && d[i + 1] > 70 && d[i + 2] < 100) ink++;
		}
		return {ink, span};
	})()`, &got)
	if got.Ink < 300 || got.Span > 4*600*10000 {
		t.Errorf("%v points of the line are drawn, and up to %v hours were asked for", got.Ink, got.Span/3600_000)
	}
}
