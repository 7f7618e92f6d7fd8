// Strict JSON for what is sealed or has been sealed elsewhere.
//
// encode writes a value once, for sealing: whole numbers only (a BigInt where it
// does not fit a double), no null, no undefined, texts that are well-formed Unicode.
// decode reads bytes as the server reads them: one value, UTF-8, no duplicate member
// names. Whole numbers beyond a double's exact range become BigInt; a number with a
// fraction or an exponent is refused, since nothing sealed has one.

/** JSONError says why a text is not what may be sealed; path names the member. */
export class JSONError extends Error {
  constructor(message, path = '') {
    super(path ? `${path}: ${message}` : message);
    this.name = 'JSONError';
    this.path = path;
  }
}

/** Nesting deeper than this is nobody's evidence; it bounds the recursion. */
const maxDepth = 64;

/** encode gives the JSON text of a value. Members that are undefined are left out. */
export function encode(value) {
  return write(value, '', 0);
}

function write(v, path, depth) {
  if (depth > maxDepth) throw new JSONError('nested too deep', path);
  switch (typeof v) {
    case 'string':
      if (!v.isWellFormed()) throw new JSONError('half a character (a lone surrogate)', path);
      return JSON.stringify(v);
    case 'boolean':
      return v ? 'true' : 'false';
    case 'bigint':
      return v.toString();
    case 'number':
      if (!Number.isSafeInteger(v)) throw new JSONError(`${v} is not a whole number that can be held exactly`, path);
      return Object.is(v, -0) ? '0' : String(v);
    case 'object':
      break;
    default:
      throw new JSONError(`a ${typeof v} cannot be sealed`, path);
  }
  if (v === null) throw new JSONError('null: what is not known is left out', path);
  if (Array.isArray(v)) return `[${Array.from(v, (x, i) => write(x, `${path}[${i}]`, depth + 1)).join(',')}]`;
  const proto = Object.getPrototypeOf(v);
  if (proto !== Object.prototype && proto !== null) throw new JSONError('not a plain object', path);
  const parts = [];
  for (const [name, member] of Object.entries(v)) {
    if (member === undefined) continue;
    const here = path ? `${path}.${name}` : name;
    if (!name.isWellFormed()) throw new JSONError('half a character (a lone surrogate) in a name', here);
    parts.push(`${JSON.stringify(name)}:${write(member, here, depth + 1)}`);
  }
  return `{${parts.join(',')}}`;
}

/** decode reads bytes or a text strictly; it throws JSONError. */
export function decode(data) {
  return new Reader(typeof data === 'string' ? data : utf8Text(data)).all();
}

/** utf8Text reads bytes as UTF-8, refusing what is none, and keeps a byte order mark. */
export function utf8Text(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JSONError('not UTF-8');
  }
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fail(message) {
    throw new JSONError(`${message} at character ${this.at}`);
  }

  all() {
    const v = this.value(0);
    this.space();
    if (this.at < this.text.length) this.fail('something follows the value');
    return v;
  }

  space() {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text[this.at])) this.at++;
  }

  take(c) {
    this.space();
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  value(depth) {
    if (depth > maxDepth) this.fail('nested too deep');
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth);
      case '[':
        return this.list(depth);
      case '"':
        return this.string();
    }
    for (const [word, v] of [['true', true], ['false', false], ['null', null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return v;
      }
    }
    return this.number();
  }

  object(depth) {
    const out = Object.create(null);
    this.at++;
    if (this.take('}')) return out;
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail('a member has no name');
      const name = this.string();
      if (name in out) this.fail(`the member ${JSON.stringify(name)} is there twice`);
      if (!this.take(':')) this.fail('a member has no value');
      out[name] = this.value(depth + 1);
    } while (this.take(','));
    if (!this.take('}')) this.fail('an object does not end');
    return out;
  }

  list(depth) {
    const out = [];
    this.at++;
    if (this.take(']')) return out;
    do out.push(this.value(depth + 1));
    while (this.take(','));
    if (!this.take(']')) this.fail('a list does not end');
    return out;
  }

  string() {
    const start = this.at++;
    for (; this.at < this.text.length && this.text[this.at] !== '"'; this.at++) {
      if (this.text[this.at] === '\\') this.at++;
    }
    if (this.at++ >= this.text.length) this.fail('a text does not end');
    let s;
    try {
      s = JSON.parse(this.text.slice(start, this.at)); // one string token: escapes and control characters are its rules
    } catch {
      this.fail('a text is malformed');
    }
    if (!s.isWellFormed()) this.fail('a text holds half a character');
    return s;
  }

  number() {
    const m = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/.exec(this.text.slice(this.at, this.at + 64));
    if (!m) this.fail('no value');
    if (m[2] || m[3] || m[0] === '-0') this.fail('a number with a fraction, an exponent or the sign of nothing');
    this.at += m[0].length;
    if (/[\d.eE+-]/.test(this.text[this.at] ?? '')) this.fail('a number is malformed');
    const n = Number(m[0]);
    return Number.isSafeInteger(n) ? n : BigInt(m[0]);
  }
}
