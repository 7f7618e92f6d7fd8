// The verifier in a worker, so that the page stays alive while it works. In front
// of this stands Go's own support script. Messages in: {wasm} or {packed} once,
// then {file, options}. Messages out: {ready}, {stage, done, total}, {result} or
// {error}.
"use strict";
(() => {
  // source reads a file in pieces, by one stream that goes on where it was for as
  // long as pieces follow each other: a new slice for each piece would leave
  // memory behind that grows to the file's size.
  function source(file) {
    let reader, rest, at = -1;
    const seek = async (to) => {
      if (reader) await reader.cancel();
      reader = file.slice(to).stream().getReader();
      rest = new Uint8Array(0);
    };
    const read = async (from, n) => {
      if (from !== at) await seek(from);
      at = -1; // until all of it is here
      const out = new Uint8Array(n);
      let have = 0;
      while (have < n) {
        if (rest.length === 0) {
          const { done, value } = await reader.read();
          if (done) throw new Error("the file ended early: was it changed?");
          rest = value;
        }
        const k = Math.min(n - have, rest.length);
        out.set(rest.subarray(0, k), have);
        rest = rest.subarray(k);
        have += k;
      }
      at = from + n;
      return out;
    };
    return { size: file.size, read, done: (piece) => { if (piece.buffer.transfer) piece.buffer.transfer(0); } };
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
