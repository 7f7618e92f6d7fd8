// The map and the graph of a case.

import { Graph } from '../graph.js';
import { Plan } from '../map.js';

for (const host of document.querySelectorAll('[data-map]')) new Plan(host);
for (const host of document.querySelectorAll('[data-graph]')) new Graph(host);
