// The verify page: takes a bundle, has the worker check it, and shows the verdict.
// It is the same script in the page that a server gives and in the saved file.
"use strict";
(() => {
  const el = (id) => document.getElementById(id);
  const all = JSON.parse(el("verify-words").textContent);
  const zh = () => document.documentElement.lang.startsWith("zh");
  const say = (key, ...args) => {
    const w = all[key];
    return w ? w[zh() ? 1 : 0].replace(/\{(\d)\}/g, (_, n) => String(args[n])) : key;
  };
  const text = (t) => (t ? (zh() ? t.zh : t.en) : "");

  // most* bound what is put on the screen; the saved verdict and report have all.
  const mostFailures = 200, mostDefects = 300, mostItems = 500, mostRows = 200;

  // h makes an element. Texts are always set as text.
  const h = (tag, attrs, ...children) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attrs || {})) {
      if (v === undefined || v === false) continue;
      if (k === "class") e.className = v;
      else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
      else e.setAttribute(k, v);
    }
    e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== ""));
    return e;
  };
  const none = () => h("p", { class: "none muted" }, say("none"));
  const hash = (s) => h("span", { class: "hash" }, s || "");

  const two = (n) => String(n).padStart(2, "0");
  // when writes a time in the zone of the reader's computer, with its offset.
  const when = (s) => {
    if (!s || s.startsWith("0001-")) return say("open");
    const t = new Date(s);
    if (Number.isNaN(t.getTime())) return s;
    const off = -t.getTimezoneOffset(), a = Math.abs(off);
    return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())} ${off < 0 ? "-" : "+"}${two(Math.floor(a / 60))}:${two(a % 60)}`;
  };
  const minutes = (ms) => `${Math.floor(ms / 60000)} min ${Math.floor(ms / 1000) % 60} s`;

  let worker, ready, busy = false, shown = null;

  // begin starts the worker and loads the verifier into it, once.
  function begin() {
    if (worker) return ready;
    const inline = el("verify-worker");
    const from = inline ? URL.createObjectURL(new Blob([inline.textContent], { type: "text/javascript" })) : el("verify").dataset.worker;
    worker = new Worker(from);
    ready = new Promise((resolve, reject) => {
      worker.onmessage = (e) => {
        if (e.data.ready) resolve();
        if (e.data.error) reject(new Error(e.data.error));
      };
      worker.onerror = (e) => reject(new Error(e.message || say("crashed")));
    });
    worker.postMessage(inline ? { packed: el("verify-wasm").textContent.trim() } : { wasm: new URL(el("verify").dataset.wasm, location.href).href });
    return ready;
  }

  function end() {
    if (worker) worker.terminate();
    worker = undefined;
  }

  // check has the worker verify a file.
  function check(file, options) {
    return new Promise((resolve, reject) => {
      worker.onerror = (e) => reject(Object.assign(new Error(e.message || ""), { crashed: true }));
      worker.onmessage = (e) => {
        const m = e.data;
        if (m.stage) progress(say(all["stage." + m.stage] ? "stage." + m.stage : "stage.other"), m.total > 0 ? m.done / m.total : 0);
        else if (m.result) resolve(m.result);
        else if (m.error) reject(new Error(m.error));
        else if (m.ended) reject(Object.assign(new Error(""), { crashed: true }));
      };
      worker.postMessage({ file, options });
    });
  }

  function progress(stage, part) {
    const percent = Math.floor(part * 100);
    el("verify-stage").textContent = part > 0 ? `${stage} … ${percent} %` : `${stage} …`;
    el("verify-bar").value = part;
  }

  // trusted reads what the person trusts: keys a line each, and certificates.
  function trusted() {
    const pem = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g, s = el("verify-trust").value;
    return { tsa: (s.match(pem) || []).join("\n"), trust: s.replace(pem, "").split("\n").map((l) => l.trim()).filter((l) => l !== "") };
  }

  let turn = 0;
  async function run(file) {
    if (busy) end();
    const mine = ++turn;
    busy = true;
    shown = null;
    el("verify-result").replaceChildren();
    el("verify-progress").hidden = false;
    progress(say("loading"), 0);
    let loaded = false;
    const options = { lang: zh() ? "zh" : "en", ...trusted() };
    try {
      await begin();
      loaded = true;
      const r = await check(file, options);
      if (mine !== turn) return;
      shown = { file, r, v: JSON.parse(r.json) };
      render();
    } catch (e) {
      if (mine !== turn) return;
      if (e.crashed || !loaded) end(); // the next file gets a new one
      const why = !loaded ? "unloaded" : e.crashed ? "crashed" : e.message.startsWith("options: ") ? "trust.bad" : "unreadable";
      el("verify-result").replaceChildren(banner("bad", "✗", say(why), file.name, h("p", {}, e.message)));
    }
    busy = false;
    el("verify-progress").hidden = true;
    el("verify-drop-text").dataset.w = "drop.again";
    el("verify-drop-text").textContent = say("drop.again");
    el("verify-result").focus({ preventScroll: true });
    el("verify-result").scrollIntoView({ block: "start" });
  }

  function stop() {
    turn++;
    busy = false;
    end();
    el("verify-progress").hidden = true;
    el("verify-result").replaceChildren(h("p", { role: "status" }, say("stopped")));
  }

  function banner(kind, mark, title, name, ...rest) {
    return h("div", { class: "verify-verdict " + kind, role: "alert" },
      h("h2", {}, h("span", { class: "mark", "aria-hidden": "true" }, mark), title), h("p", { class: "hash" }, name), rest);
  }

  const kinds = { "authentic": ["good", "✓"], "authentic with defects": ["warn", "!"], "not authentic": ["bad", "✗"] };

  function render() {
    const { file, r, v } = shown, [kind, mark] = kinds[v.result] || ["bad", "✗"];
    const verdict = banner(kind, mark, say(v.result), `${file.name} · ${file.size.toLocaleString()} ${say("bytes")}`, h("p", {}, say(v.result + ".why")));
    verdict.dataset.result = v.result;
    el("verify-result").replaceChildren(
      verdict,
      h("p", { class: "verify-acts" },
        h("button", { type: "button", class: "button", onclick: () => window.print() }, say("print")),
        h("button", { type: "button", class: "button", onclick: () => save(file.name + ".report.html", "text/html", r.html) }, say("html")),
        h("button", { type: "button", class: "button", onclick: () => save(file.name + ".verdict.json", "application/json", r.json) }, say("json"))),
      ...failures(v), ...facts(v), ...defects(v), ...exhibits(v), ...checks(v), ...others(v), ...limits(v));
  }

  const section = (key, ...rest) => [h("h2", {}, say(key)), ...rest];
  const row = (...cells) => h("tr", {}, cells.map((c) => h("td", {}, c)));
  const fact = (key, ...value) => h("tr", {}, h("th", { scope: "row" }, say(key)), h("td", {}, value.flat().every((x) => x === "" || x === undefined) ? say("none") : value));
  // table labels each field with its heading, which narrow screens show beside it.
  const table = (heads, rows) => {
    for (const r of rows) [...r.children].forEach((td, i) => { td.dataset.label = say(heads[i]); });
    return h("div", { class: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((k) => h("th", { scope: "col" }, say(k))))), h("tbody", {}, rows)));
  };
  const rest = (key, n) => (n > 0 ? h("p", { class: "muted" }, say(key, n)) : "");

  function failures(v) {
    if (v.result !== "not authentic") return [];
    const title = Object.fromEntries(v.checks.map((c) => [c.name, c.title]));
    const list = v.failures.slice(0, mostFailures).map((f) => h("li", {},
      h("b", {}, text(title[f.check]) || f.check),
      h("div", { class: "hash" }, [f.file, f.index !== undefined ? `${say("failure.entry")} ${f.index}` : "", f.event ? `${say("failure.event")} ${f.event}` : ""].filter(Boolean).join(" · ")),
      h("div", {}, say("failure.detail") + f.detail)));
    return section("failures", list.length ? h("ol", { id: "verify-failures" }, list) : none(), rest("failure.more", v.failure_count - list.length));
  }

  function facts(v) {
    const b = v.bundle, c = v.record ? v.record.case : {};
    if (!b) return [];
    const d = b.disclosure;
    return section("facts", h("table", { class: "facts" }, h("tbody", {},
      fact("case", c.number || b.case), ...(v.record ? [fact("case.title", c.title || ""), fact("case.authority", c.authority || "")] : []),
      fact("bundle", hash(b.id)), fact("purpose", b.purpose || ""), fact("made", when(b.made)),
      fact("kept", (zh() && b.authority.name_zh) || b.authority.name, " (", say(b.pinned ? "pinned" : "pinned.not"), ")"),
      fact("authority.key", hash(b.authority.key.id)), fact("ledger.key", hash(b.authority.log_key)),
      fact("checkpoint", `${b.checkpoint.size} ${say("entries")} · `, hash(b.checkpoint.root)), ...(v.record ? [fact("judged", when(b.judged))] : []),
      fact("scope", say("scope." + d.scope)), fact("shown", `${d.shown}; ${d.hidden}`), fact("manifest", hash(b.manifest_sha256)))));
  }

  const key = (ref) => `${ref.kind} ${ref.id}`;
  const labels = (v) => Object.fromEntries((v.record ? v.record.items : []).map((i) => [key(i.ref), i.label]));

  function defect(d, names) {
    const on = d.item ? names[key(d.item)] || key(d.item) : say("whole");
    return h("div", { class: "defect" },
      h("p", {}, h("span", { class: "sev " + d.severity }, d.severity), " ", h("b", {}, text(d.title)), ` · ${on} `, h("span", { class: "hash muted" }, d.code)),
      h("p", {}, text(d.explanation)),
      h("p", {}, h("b", {}, say("cure") + ": "), text(d.cure)),
      d.waived ? h("p", {}, h("b", {}, say("waived") + ": "), `${d.waived.by_name}, ${d.waived.authority}, ${when(d.waived.at)}: ${d.waived.reason}`) : "");
  }

  function defects(v) {
    if (!v.record) return [];
    const names = labels(v), list = v.record.defects || [], hidden = v.record.not_shown || [];
    const out = section("defects", h("p", { class: "muted" }, say("defects.lead")),
      list.length ? h("div", { id: "verify-defects" }, list.slice(0, mostDefects).map((d) => defect(d, names))) : none(), rest("more", list.length - mostDefects));
    if (hidden.length) out.push(...section("notshown", h("div", {}, hidden.slice(0, mostDefects).map((d) => defect(d, names)))));
    return out;
  }

  function exhibits(v) {
    if (!v.record) return [];
    const items = v.record.items || [], counts = {};
    for (const d of v.record.defects || []) {
      for (const ref of [d.item, ...(d.also || [])]) if (ref) counts[key(ref)] = (counts[key(ref)] || "") + d.severity;
    }
    const rows = items.slice(0, mostItems).map((i) => row(
      [h("b", {}, i.label), h("div", { class: "hash muted" }, i.ref.id)], text(i.what), sealed(v, i),
      i.kind === "digital" ? digests(i) : standing(i), counts[key(i.ref)] || say("defect.none")));
    return section("exhibits", rows.length ? table(["exhibit", "what", "sealed", "where.now", "defects"], rows) : none(), rest("more", items.length - mostItems));
  }

  function sealed(v, i) {
    const t = (v.record.intervals || {})[i.origin];
    return t ? [h("div", {}, when(t.not_before)), h("div", {}, when(t.not_after))] : say("none");
  }

  function digests(i) {
    const first = (i.hashes || [])[0];
    return first ? [hash(first.sha256), first.what === "derived" ? h("div", {}, say("derived")) : ""] : say("none");
  }

  function standing(i) {
    const gap = (i.steps || []).reduce((n, s) => n + (s.unexplained_ms || 0), 0);
    return [h("div", {}, [say("item." + i.state), i.holder ? i.holder.name : "", i.seal_no || ""].filter(Boolean).join(" · ")),
      gap >= 1000 ? h("div", {}, h("b", {}, `${say("unexplained")}: ${minutes(gap)}`)) : ""];
  }

  function checks(v) {
    return section("checks", table(["check", "state", "count"], v.checks.map((c) =>
      h("tr", { class: c.state === "failed" ? "failed" : undefined }, h("td", {}, text(c.title)), h("td", {}, say("state." + c.state)), h("td", {}, c.failed ? `${c.failed} / ${c.count}` : String(c.count))))));
  }

  function others(v) {
    const out = [];
    if (!v.record) return out; // not reached: nothing is known of them
    const w = v.witnesses || [], t = v.tokens || [], q = v.quarantine || [];
    out.push(...section("witnesses", w.length ? table(["witness", "time"], w.map((x) => row(x.witness, when(x.time)))) : none()));
    out.push(...section("tokens", t.length ? table(["token.by", "time", "state"], t.slice(0, mostRows).map((x) => row(x.authority || "", when(x.time), x.verified ? say("token.yes") : `${say("token.no")}: ${x.detail || ""}`))) : none()));
    out.push(...section("quarantine", q.length ? h("ul", {}, q.slice(0, mostRows).map((x) => h("li", {}, `${say("failure.entry")} ${x.index} · ${x.code} · ${x.detail || ""}`))) : none()));
    if ((v.notes || []).length) out.push(...section("notes", h("ul", {}, v.notes.slice(0, mostRows).map((n) => h("li", {}, text(n.text))))));
    return out;
  }

  function limits(v) {
    return section("limits", h("ul", { id: "verify-limits" }, (v.limits || []).map((l) => h("li", {}, text(l.text)))));
  }

  function save(name, type, data) {
    const url = URL.createObjectURL(new Blob([data], { type }));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }

  // relabel writes the page's own words anew, after the language was changed.
  function relabel() {
    for (const e of document.querySelectorAll("[data-w]")) e.textContent = say(e.dataset.w);
    if (shown) render();
  }

  function open() {
    const drop = el("verify-drop"), file = el("verify-file"), lang = el("verify-lang");
    file.addEventListener("change", () => { if (file.files.length > 0) run(file.files[0]); });
    el("verify-stop").addEventListener("click", stop);
    for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (e) => { e.preventDefault(); drop.classList.add("over"); });
    document.addEventListener("dragleave", (e) => { if (!e.relatedTarget) drop.classList.remove("over"); });
    document.addEventListener("drop", (e) => {
      e.preventDefault();
      drop.classList.remove("over");
      if (e.dataTransfer.files.length > 0) run(e.dataTransfer.files[0]);
    });
    if (lang) {
      lang.value = (navigator.language || "").startsWith("zh") ? "zh" : "en";
      const change = () => { document.documentElement.lang = lang.value === "en" ? "en" : "zh-CN"; relabel(); };
      lang.addEventListener("change", change);
      change();
    }
  }
  open();
})();
