"use strict";
const words = {
  en: {
    title: "Check an evidence bundle", lead: "The file stays on this computer: this page may not fetch or send anything.",
    lang: "Language", trust: "Keys that you trust, one a line (a ledger key, a witness's key or an authority's key id), and root certificates (PEM) of time-stamping authorities; empty if you have none", drop: "Choose a bundle, or drop it here",
    loading: "Preparing…", events: "Checking signatures", files: "Checking files", done: "Checked: ", json: "Save the verdict", html: "Save the report",
    "authentic": "Authentic", "authentic with defects": "Authentic, with defects", "not authentic": "Not authentic", unreadable: "This file cannot be read as a bundle: ",
  },
  zh: {
    title: "核验证据包", lead: "文件不会离开本机：本页面不能访问网络。",
    lang: "语言", trust: "您信任的密钥，每行一个（账本密钥、见证方密钥或管理机构密钥编号），以及您信任的时间戳机构根证书（PEM）；没有则留空", drop: "选择证据包，或拖放到此处",
    loading: "正在准备……", events: "正在核验签名", files: "正在核验文件", done: "已核验：", json: "保存核验结论", html: "保存报告",
    "authentic": "真实", "authentic with defects": "真实，但存在瑕疵", "not authentic": "不真实", unreadable: "该文件无法作为证据包读取：",
  },
};
const el = (id) => document.getElementById(id);
const lang = () => el("lang").value === "en" ? "en" : "zh";
const say = (k) => words[lang()][k];

// verifier starts the program, once.
let started;
function verifier() {
  started ??= (async () => {
    const text = el("wasm").textContent.trim();
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = await new Response(stream).arrayBuffer();
    const go = new Go();
    const { instance } = await WebAssembly.instantiate(bytes, go.importObject);
    go.run(instance);
  })();
  return started;
}

// check verifies a File or Blob, piece by piece.
async function check(file, options) {
  await verifier();
  const source = { size: file.size, read: async (at, n) => new Uint8Array(await file.slice(at, at + n).arrayBuffer()) };
  return custodyVerify(source, options);
}

function label() {
  document.documentElement.lang = lang() === "en" ? "en" : "zh-CN";
  for (const [id, k] of [["title", "title"], ["lead", "lead"], ["lang-label", "lang"], ["trust-label", "trust"], ["drop-text", "drop"], ["json", "json"], ["html", "html"]]) {
    el(id).textContent = say(k);
  }
}

function save(name, type, text) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([text], { type }));
  a.download = name;
  a.click();
  URL.revokeObjectURL(a.href);
}

async function run(file) {
  const verdict = el("verdict"), bar = el("bar");
  for (const id of ["verdict", "save", "report"]) el(id).hidden = true;
  el("stage").textContent = say("loading");
  bar.hidden = false;
  bar.value = 0;
  const pem = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g, trusted = el("trust").value;
  try {
    const r = await check(file, {
      lang: lang(),
      tsa: (trusted.match(pem) || []).join("\n"),
      trust: trusted.replace(pem, "").split("\n").map((s) => s.trim()).filter((s) => s !== ""),
      progress: (stage, done, total) => { el("stage").textContent = say(stage); bar.value = total > 0 ? done / total : 0; },
    });
    const result = JSON.parse(r.json).result;
    verdict.textContent = say(result);
    verdict.className = result === "authentic" ? "good" : result === "not authentic" ? "bad" : "warn";
    el("json").onclick = () => save(file.name + ".verdict.json", "application/json", r.json);
    el("html").onclick = () => save(file.name + ".report.html", "text/html", r.html);
    el("report").srcdoc = r.html;
    el("report").hidden = el("save").hidden = false;
    el("stage").textContent = say("done") + file.name;
  } catch (e) {
    verdict.textContent = say("unreadable") + e.message;
    verdict.className = "bad";
    el("stage").textContent = "";
  }
  verdict.hidden = false;
  bar.hidden = true;
}

el("lang").value = (navigator.language || "").startsWith("zh") ? "zh" : "en";
el("lang").addEventListener("change", label);
el("file").addEventListener("change", () => { if (el("file").files.length > 0) run(el("file").files[0]); });
for (const kind of ["dragenter", "dragover"]) el("drop").addEventListener(kind, (e) => { e.preventDefault(); el("drop").classList.add("over"); });
for (const kind of ["dragleave", "drop"]) el("drop").addEventListener(kind, (e) => { e.preventDefault(); el("drop").classList.remove("over"); });
el("drop").addEventListener("drop", (e) => { if (e.dataTransfer.files.length > 0) run(e.dataTransfer.files[0]); });
label();
