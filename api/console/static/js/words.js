// The words of a page: JSON blocks that the server puts into it for scripts.

let words = null;

function load() {
  words = {};
  for (const block of document.querySelectorAll('script[type="application/json"][data-words], script[type="application/json"]#words')) {
    Object.assign(words, JSON.parse(block.textContent));
  }
}

/** t gives the text of a key in the page's language; {0}, {1} … are the arguments. */
export function t(key, ...args) {
  if (!words) load();
  const text = words[key];
  if (text === undefined) return key;
  return text.replace(/\{(\d)\}/g, (all, i) => (i < args.length ? String(args[i]) : all));
}

/** locale is the page's language. */
export const locale = () => document.documentElement.lang || 'en';

/** el makes an element: attributes by name, class as className; children are nodes or texts, which are never markup. */
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) {
    if (v === undefined || v === null || v === false) continue;
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

/** fit cuts a text to a width in letters, wide characters counting double. */
export function fit(text, most) {
  let used = 0;
  let out = '';
  for (const c of text) {
    used += c.codePointAt(0) > 0x2e7f ? 2 : 1;
    if (used > most) return `${out}…`;
    out += c;
  }
  return out;
}
