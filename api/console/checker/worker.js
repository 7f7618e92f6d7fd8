// The verifier in a worker, so that the page stays alive while it works. In front
// of this stands Go's own support script. Messages in: {wasm} or {packed} once,
// then {file, options}. Messages out: {ready}, {stage, done, total}, {result} or
// {error}.
"use strict";
(() => {
  // ahead is how much of the file is read at once: the verifier asks for small
  // pieces, one after another, and each answer costs a turn of the event loop.
  const ahead = 1 << 20;
  // kept is how many such pieces stay in memory, whatever the file's size.
  const kept = 6;

  // source reads a file in pieces.
  function source(file) {
    const pieces = new Map();
    const piece = (n) => {
      let p = pieces.get(n);
      if (p) {
        pieces.delete(n);
      } else {
        p = file.slice(n * ahead, Math.min(file.size, (n + 1) * ahead)).arrayBuffer().then((b) => new Uint8Array(b));
      }
      pieces.set(n, p); // last in order: used last
      if (pieces.size > kept) pieces.delete(pieces.keys().next().value);
      return p;
    };
    return {
      size: file.size,
      read: async (at, n) => {
        const first = Math.floor(at / ahead), last = Math.floor((at + n - 1) / ahead);
        if (first === last) {
          const p = await piece(first);
          return p.subarray(at - first * ahead, at - first * ahead + n);
        }
        if (n > kept * ahead) return new Uint8Array(await file.slice(at, at + n).arrayBuffer());
        const out = new Uint8Array(n);
        for (let i = first; i <= last; i++) {
          const p = await piece(i), start = i * ahead;
          const from = Math.max(0, at - start), to = Math.min(p.length, at + n - start);
          out.set(p.subarray(from, to), start + from - at);
        }
        return out;
      },
    };
  }

  async function start(message) {
    const go = new Go();
    let made;
    if (message.wasm) {
      made = await WebAssembly.instantiateStreaming(fetch(message.wasm, { credentials: "same-origin" }), go.importObject);
    } else {
      const packed = Uint8Array.from(atob(message.packed), (c) => c.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
      made = await WebAssembly.instantiate(await new Response(stream).arrayBuffer(), go.importObject);
    }
    go.run(made.instance).then(() => postMessage({ ended: true }));
    postMessage({ ready: true });
  }

  async function check({ file, options }) {
    let last = 0;
    const progress = (stage, done, total) => {
      const now = Date.now();
      if (now - last < 100 && done < total) return;
      last = now;
      postMessage({ stage, done, total });
    };
    const r = await custodyVerify(source(file), { ...options, progress });
    postMessage({ result: { json: r.json, html: r.html } });
  }

  onmessage = (e) => {
    const work = e.data.file ? check(e.data) : start(e.data);
    work.catch((err) => postMessage({ error: String(err && err.message || err), loading: !e.data.file }));
  };
})();
