// Who is signed in, and what only one tab may do at a time.

import { getJSON } from './http.js';

let person = null;

/** me is the person who is signed in: the page says it, else the server. */
export async function me() {
  person ??= document.querySelector('meta[name=person]')?.content || (await getJSON('/v1/me')).person;
  return person;
}

/** exclusive runs fn while no other tab of this browser runs one of the same name. */
export function exclusive(name, fn) {
  return navigator.locks ? navigator.locks.request(`fieldseal-${name}`, fn) : fn();
}
