// What every form of the desk that seals needs: it says where this browser is not
// enrolled, before somebody fills a form in for nothing.

import { ready } from '../workstation.js';

const notes = document.querySelectorAll('[data-not-enrolled]');
if (notes.length) {
  ready().then((ws) => { for (const n of notes) n.hidden = Boolean(ws); }, console.warn);
}

/** done says at a form what became of its act, and what to do next. */
export function done(form, text, kind = 'ok') {
  const note = document.createElement('p');
  note.className = `note ${kind} done`;
  note.setAttribute('role', 'status');
  note.tabIndex = -1;
  note.textContent = text;
  form.replaceWith(note);
  note.focus();
}
