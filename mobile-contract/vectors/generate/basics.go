package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"

	"github.com/go-json-experiment/json/jsontext"
)

// object is one case.
type object map[string]any

func basics() []vectors.Basic {
	return []vectors.Basic{basicPAE(), basicKeys(), basicLeaves(), basicCheckpoints(), basicInclusion(), basicConsistency(), basicStatements(), basicTerms(),
		basicTexts("uuid", "Identifiers: lower case, hyphenated, nothing else.", "01932f6e-0000-7000-8000-000000000001", uuids),
		basicTexts("digest", "SHA-256 digests, event ids and key ids: 64 lower-case hex digits.", strings.Repeat("0f", 32), digests),
		basicTexts("root", "Tree roots and hashes in proofs: canonical standard base64 of 32 bytes.", b64(make([]byte, 32)), roots),
		basicTexts("stamp", "Times: RFC 3339 with seconds and an explicit offset, at most nine digits of a second, from 1970 on. The text is kept as it is.", "2026-11-24T09:30:00.250+08:00", stamps),
		basicTexts("date", "Days.", "2026-11-24", dates),
		basicTexts("decimal", "Measured figures as JSON: integer and scale, 0 to 18.", `{"n":1234,"s":2}`, figures)}
}

func basic(of, shows string, members map[string]string, cases ...object) vectors.Basic {
	b := vectors.Basic{Kind: vectors.KindBasics, Name: "basics-" + of, Of: of, Shows: shows, Members: members}
	for _, c := range cases {
		b.Cases = append(b.Cases, jsontext.Value(get(json.Marshal(c))))
	}
	return b
}

func hex32(b [32]byte) string { return hex.EncodeToString(b[:]) }

func basicPAE() vectors.Basic {
	var cases []object
	for _, c := range [][2]string{
		{"http://example.com/HelloWorld", "hello world"}, {event.PayloadType, "{}"}, {event.PayloadType, ""}, {"", ""},
		{event.PayloadType, `{"text":"北端有溶剂气味"}`}, {"类型", "lengths count bytes, not letters"}, {"a 1 b", " leading"},
	} {
		p := pae(c[0], []byte(c[1]))
		cases = append(cases, object{"type": c[0], "payload": c[1], "pae": hex.EncodeToString(p), "id": hex32(sha256.Sum256(p))})
	}
	return basic("pae", "What is signed: DSSE's pre-authentication encoding. The event id is its SHA-256.", map[string]string{
		"type": "payload type", "payload": "payload as text", "pae": "the encoding, hex", "id": "SHA-256 of the encoding, hex"}, cases...)
}

func basicKeys() vectors.Basic {
	p, e := newSigner(event.AlgP256, "A"), newSigner(event.AlgEd25519, "B")
	one := func(shows string, alg event.Algorithm, spki []byte, ok bool) object {
		return object{"shows": shows, "alg": string(alg), "spki": b64(spki), "id": hex32(sha256.Sum256(spki)), "ok": ok}
	}
	compressed := append([]byte(nil), p.spki[:26]...)
	compressed = append(compressed, 2+p.spki[len(p.spki)-1]&1)
	compressed = append(compressed, p.spki[27:59]...)
	compressed[1], compressed[24] = byte(len(compressed)-2), 34
	return basic("key", "Public keys as enrolment states them: DER SubjectPublicKeyInfo in its one encoding, bound to an algorithm.", map[string]string{
		"alg": "algorithm that the key is bound to", "spki": "DER, base64", "id": "SHA-256 of the DER: the key's id", "ok": "whether the key may be enrolled"},
		one("P-256", event.AlgP256, p.spki, true), one("Ed25519", event.AlgEd25519, e.spki, true),
		one("a P-256 key stated as Ed25519", event.AlgEd25519, p.spki, false), one("an Ed25519 key stated as P-256", event.AlgP256, e.spki, false),
		one("an algorithm that nobody knows", "rsa", p.spki, false), one("a byte behind the key", event.AlgP256, append(append([]byte(nil), p.spki...), 0), false),
		one("a compressed point: a key has one encoding", event.AlgP256, compressed, false), one("no key", event.AlgP256, nil, false))
}

func basicLeaves() vectors.Basic {
	h := func(s string) [32]byte { return sha256.Sum256([]byte(s)) }
	var cases []object
	for kind := byte(1); kind <= 8; kind++ {
		sig, key := h("signature"), h("key")
		if kind == kindQuarantine {
			sig, key = [32]byte{}, [32]byte{}
		}
		b := leaf(kind, h("event"), sig, key, firstBatch+int64(kind))
		sum := leafHash(b)
		cases = append(cases, object{"ok": true, "kind": kind, "event": hex32(h("event")), "signature": hex32(sig), "key": hex32(key),
			"received_us": firstBatch + int64(kind), "leaf": hex.EncodeToString(b), "hash": b64(sum[:])})
	}
	bad := func(shows string, b []byte) {
		cases = append(cases, object{"ok": false, "shows": shows, "leaf": hex.EncodeToString(b)})
	}
	good := leaf(1, h("event"), h("signature"), h("key"), firstBatch)
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	bad("another version", change(0, 2))
	bad("kind 0", change(1, 0))
	bad("kind 9", change(1, 9))
	bad("105 bytes", good[:105])
	bad("107 bytes", append(append([]byte(nil), good...), 0))
	bad("an event of zeros", leaf(1, [32]byte{}, h("signature"), h("key"), firstBatch))
	bad("no signature digest in an accepted event", leaf(1, h("event"), [32]byte{}, h("key"), firstBatch))
	bad("no key in an accepted event", leaf(1, h("event"), h("signature"), [32]byte{}, firstBatch))
	bad("received at zero", leaf(1, h("event"), h("signature"), h("key"), 0))
	bad("received before 1970", leaf(1, h("event"), h("signature"), h("key"), -1))
	return basic("leaf", "The log entry: 106 bytes, from which and the receipt's numbers a device computes what a proof must lead from.", map[string]string{
		"kind": "1 event, 2 quarantine, 3 media, 4 enrolment, 5 revocation, 6 grant, 7 predecessor, 8 other event of the authority", "event": "event id; in kind 2 SHA-256 of the line",
		"signature": "signature digest", "key": "key id", "received_us": "microseconds since 1970", "leaf": "the bytes, hex", "hash": "SHA-256 of 0x00 and the bytes, base64"}, cases...)
}

func basicStatements() vectors.Basic {
	a := newDevice(1)
	one := func(shows, payloadType, payload string) object {
		x := sealBytes(a.key, payloadType, []byte(payload))
		return object{"shows": shows, "type": payloadType, "payload": payload, "key": a.key.public(), "line": x.line()}
	}
	return basic("statement", "What a key seals beside events: the proof of possession in an enrolment, and a sign-in. Neither is ever a line of a batch.", map[string]string{
		"type": "payload type", "payload": "exact payload", "key": "the key that seals", "line": "the DSSE envelope"},
		one("enrolment", "application/vnd.fieldseal.enrol.v1+json", sprint(`{"code_sha256":"%x","key":"%x","nonce":"00112233445566778899aabbccddeeff","time":"2026-11-24T09:30:00.250+08:00"}`, sha256.Sum256([]byte("ABCD-EFGH-JKLM")), a.key.id)),
		one("sign-in", "application/vnd.fieldseal.auth.v1+json", sprint(`{"nonce":"00112233445566778899aabbccddeeff","audience":"https://custody.example","device":"%s","time":"2026-11-24T09:30:00.250+08:00"}`, a.id())))
}

func basicTerms() vectors.Basic {
	text := eventtest.Terms()
	one := func(shows, text string, ok bool) object {
		return object{"shows": shows, "terms": text, "digest": hex32(sha256.Sum256([]byte(text))), "ok": ok}
	}
	return basic("terms", "Terms of a handover: both sides sign the digest of one exact text, so it is carried as it is and never written again.", map[string]string{
		"terms": "the exact text", "digest": "its SHA-256", "ok": "whether they can be terms"},
		one("complete", text, true), one("the same terms with a space are other terms", strings.Replace(text, `,"count"`, `, "count"`, 1), true),
		one("a courier without a name", strings.Replace(text, `"carrier":"SF Express",`, "", 1), false), one("an unknown member", strings.Replace(text, `"count":1`, `"count":1,"fee":2`, 1), false),
		one("no count", strings.Replace(text, `"count":1,`, "", 1), false), one("no text", "", false))
}

func basicCheckpoints() vectors.Basic {
	d := testLeaves(7)
	k, other := logKey, newLogKey(origin, "another key of the same name")
	note := k.note(7, root(d))
	cut := strings.Index(note, "\n\n") + 2
	text, sig := note[:cut-1], note[cut:]
	sum := root(d)
	good := func(shows, note string, size int) object {
		return object{"shows": shows, "key": k.text, "note": note, "ok": true, "size": size, "root": b64(sum[:])}
	}
	bad := func(shows, note string) object {
		return object{"shows": shows, "key": k.text, "note": note, "ok": false}
	}
	witness := newLogKey("witness.example/w1", "witness")
	stranger := newLogKey("elsewhere.example/log", "elsewhere")
	return basic("checkpoint", "Signed checkpoints under the pinned key of the log. A lying server is found here first.", map[string]string{
		"key": "the pinned key of the log", "note": "the signed note, exact", "ok": "whether a device may believe it", "size": "entries that it covers", "root": "tree root, base64"},
		good("signed by the log", note, 7), good("with a cosignature of a witness that the reader does not know", note+witness.signature(text), 7),
		bad("not signed", text+"\n"), bad("signed by a witness only", text+"\n"+witness.signature(text)),
		bad("another size under the same signature", strings.Replace(note, "\n7\n", "\n8\n", 1)),
		bad("another root under the same signature", strings.Replace(note, b64(sum[:]), b64(make([]byte, 32)), 1)),
		bad("by another key of the same name", other.note(7, sum)), bad("of another log", stranger.note(7, sum)),
		bad("an extension line", checkpointWith(k, text+"extension\n")), bad("a size with a leading zero", checkpointWith(k, strings.Replace(text, "\n7\n", "\n07\n", 1))),
		bad("a negative size", checkpointWith(k, strings.Replace(text, "\n7\n", "\n-7\n", 1))), bad("the log's signature twice", note+sig),
		bad("a stray bit in the signature's base64: of each checkpoint there is one text", stray(note)), bad("no line end at the end", note[:len(note)-1]), bad("carriage returns", strings.ReplaceAll(note, "\n", "\r\n")), bad("a hyphen for the dash", strings.Replace(note, "—", "-", 1)), bad("nothing", ""))
}

// stray turns a bit of the last letter before the padding that no byte has.
func stray(note string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := strings.LastIndexByte(note, '=') - 1
	return note[:at] + string(alphabet[strings.IndexByte(alphabet, note[at])|1]) + note[at+1:]
}

func checkpointWith(k *logSigner, text string) string { return text + "\n" + k.signature(text) }

func basicInclusion() vectors.Basic {
	var cases []object
	one := func(shows string, leaf [32]byte, index, size int, root [32]byte, p []string, ok bool) {
		cases = append(cases, object{"shows": shows, "leaf_hash": b64(leaf[:]), "index": index, "size": size, "root": b64(root[:]), "hashes": p, "ok": ok})
	}
	for _, c := range [][2]int{{0, 1}, {0, 2}, {1, 2}, {2, 3}, {0, 7}, {3, 7}, {6, 7}, {5, 8}, {255, 256}, {256, 257}, {100, 300}} {
		d := testLeaves(c[1])
		one(sprint("entry %d of %d", c[0], c[1]), d[c[0]], c[0], c[1], root(d), path(c[0], d).texts(), true)
	}
	d := testLeaves(7)
	p := path(3, d).texts()
	swapped := []string{p[1], p[0], p[2]}
	one("another entry's leaf", d[4], 3, 7, root(d), p, false)
	one("another index", d[3], 2, 7, root(d), p, false)
	one("another size", d[3], 3, 9, root(d), p, false)
	one("another size of the same shape: a proof does not bind the size, so size and root must come from one signed checkpoint", d[3], 3, 6, root(d), p, true)
	one("another root", d[3], 3, 7, root(d[:6]), p, false)
	one("a hash left out", d[3], 3, 7, root(d), p[:2], false)
	one("a hash too many", d[3], 3, 7, root(d), append(append([]string{}, p...), p[0]), false)
	one("hashes in another order", d[3], 3, 7, root(d), swapped, false)
	one("an index beyond the tree", d[3], 7, 7, root(d), p, false)
	one("a negative index", d[3], -1, 7, root(d), p, false)
	inner := node(d[2], d[3])
	one("an inner node passed off as an entry", inner, 1, 4, root(d[:4]), []string{path(3, d[:4]).texts()[1]}, false)
	return basic("inclusion", "Inclusion proofs (RFC 6962, 2.1.1): that an entry is in the log of a checkpoint's size and root.", map[string]string{
		"leaf_hash": "hash of the entry, base64", "index": "its index", "size": "the checkpoint's size", "root": "the checkpoint's root", "hashes": "the audit path, lowest first", "ok": "whether it proves it"}, cases...)
}

func basicConsistency() vectors.Basic {
	var cases []object
	one := func(shows string, from, to int, a, b [32]byte, p []string, ok bool) {
		cases = append(cases, object{"shows": shows, "from": from, "to": to, "from_root": b64(a[:]), "to_root": b64(b[:]), "hashes": p, "ok": ok})
	}
	for _, c := range [][2]int{{1, 2}, {1, 7}, {2, 3}, {3, 7}, {4, 7}, {6, 7}, {7, 7}, {4, 8}, {255, 257}, {256, 300}} {
		d := testLeaves(c[1])
		one(sprint("%d entries become %d", c[0], c[1]), c[0], c[1], root(d[:c[0]]), root(d), proof(c[0], d).texts(), true)
	}
	d := testLeaves(7)
	p := proof(3, d).texts()
	forked := append(append(hashes{}, d[:2]...), testLeaves(9)[7:]...)
	forked = append(forked, d[4:]...)
	one("the log of 7 that follows another third entry: two histories", 3, 7, root(d[:3]), root(forked), proof(3, forked).texts(), false)
	one("the same size with another root: two histories", 7, 7, root(d), root(forked), []string{}, false)
	one("a log that became shorter", 7, 3, root(d), root(d[:3]), p, false)
	one("a hash left out", 3, 7, root(d[:3]), root(d), p[:len(p)-1], false)
	one("a hash too many", 3, 7, root(d[:3]), root(d), append(append([]string{}, p...), p[0]), false)
	one("another old size", 2, 7, root(d[:3]), root(d), p, false)
	one("a proof where sizes are equal", 7, 7, root(d), root(d), p[:1], false)
	return basic("consistency", "Consistency proofs (RFC 6962, 2.1.2): that one checkpoint's log is the beginning of the other's. A server that cannot give one has two histories.", map[string]string{
		"from": "the older checkpoint's size", "to": "the newer one's", "from_root": "the older one's root", "to_root": "the newer one's", "hashes": "the proof", "ok": "whether it proves it"}, cases...)
}

func basicTexts(of, shows, good string, list [2][]string) vectors.Basic {
	cases := []object{{"text": good, "ok": true}}
	for i, ok := range []bool{true, false} {
		for _, text := range list[i] {
			cases = append(cases, object{"text": text, "ok": ok})
		}
	}
	return basic(of, shows, map[string]string{"text": "the text", "ok": "whether it is taken"}, cases...)
}

// Each list has what is taken and what is refused.
var (
	uuids = [2][]string{{"ffffffff-ffff-ffff-ffff-ffffffffffff", "0193aaaa-1234-7abc-bdef-0123456789ab"},
		{"", "01932F6E-0000-7000-8000-000000000001", "01932f6e000070008000000000000001", "{01932f6e-0000-7000-8000-000000000001}", "urn:uuid:01932f6e-0000-7000-8000-000000000001",
			"01932f6e-0000-7000-8000-00000000001", "01932f6e-0000-7000-8000-0000000000011", " 01932f6e-0000-7000-8000-000000000001", "01932f6e-0000-7000-8000-00000000000g", "01932f6e-00007-000-8000-000000000001", "０1932f6e-0000-7000-8000-0000000000"}}
	digests = [2][]string{{strings.Repeat("00", 32), strings.Repeat("a9", 32)},
		{"", strings.Repeat("0F", 32), strings.Repeat("0f", 31), strings.Repeat("0f", 33), strings.Repeat("0f", 31) + "0g", " " + strings.Repeat("0f", 32), "sha256:" + strings.Repeat("0f", 32), strings.Repeat("0f", 31) + "f"}}
	roots = [2][]string{{"LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL8="},
		{"", "LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL8", "LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL9=", "LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnA==", "LtZvOqk5meSNtSG6\n4a24og7TrgyXpQxO1UPlkwnjnL8=", strings.Repeat("0f", 32), "_tZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL8="}}
	stamps = [2][]string{{"2026-11-24T01:30:00Z", "2026-11-24T09:30:00+08:00", "2026-11-24T09:30:00.123456789+08:00", "1970-01-01T00:00:00Z", "2024-02-29T23:59:59-03:30"},
		{"", "2026-11-24", "2026-11-24T09:30:00", "2026-11-24 09:30:00+08:00", "2026-11-24T09:30+08:00", "2026-11-24T09:30:00+0800", "2026-11-31T09:30:00Z", "2025-02-29T09:30:00Z", "2026-11-24T24:00:00Z", "2026-11-24T09:60:00Z",
			"2026-11-24T09:30:00.1234567890+08:00", "1969-12-31T23:59:59Z", "2026-11-24T09:30:00Zulu", "1764000000", "24.11.2026 09:30", "２026-11-24T09:30:00Z"}}
	dates   = [2][]string{{"2024-02-29", "1949-10-01"}, {"2026-11-31", "2025-02-29", "2026-11-24T00:00:00Z", "2026-1-4", "24.11.2026", "20261124", "2026-11-24 "}}
	figures = [2][]string{{`{"n":0,"s":0}`, `{"n":-5,"s":18}`, `{"n":9223372036854775807,"s":0}`, `{"n":-9223372036854775808,"s":18}`, `{"s":2,"n":100}`, `{ "n" : 1 , "s" : 0 }`},
		{`1.5`, `"1.5"`, `15`, `null`, `[15,1]`, `{}`, `{"n":1}`, `{"s":1}`, `{"n":1.0,"s":1}`, `{"n":1e2,"s":0}`, `{"n":-0,"s":0}`, `{"n":"1","s":0}`, `{"n":1,"s":19}`, `{"n":1,"s":-1}`, `{"n":1,"s":1.0}`,
			`{"n":1,"s":0,"u":1}`, `{"n":1,"n":1,"s":0}`, `{"N":1,"s":0}`, `{"n":9223372036854775808,"s":0}`, `{"n":01,"s":0}`, `{"n":+1,"s":0}`, `{"n":1,"s":0}{}`, `{"n":null,"s":0}`}}
)
