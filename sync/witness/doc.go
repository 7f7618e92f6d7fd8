// Package witness is the protocol between a log and its witnesses: C2SP
// tlog-witness, with cosignatures of version 1 (C2SP tlog-cosignature, Ed25519).
// It does no I/O. Package keeper is a witness's memory and its HTTP answers,
// package collect is the log's side.
//
// # Cosignature
//
// A cosignature states: at this time, this was the largest consistent tree that
// I had seen of this log. It is a further signature line of the checkpoint. Its
// signature is 8 bytes of seconds since 1970, big-endian, and an Ed25519
// signature over these lines and the checkpoint's text:
//
//	cosignature/v1
//	time 1767323046
//
// The id of the key is SHA-256(name || "\n" || 0x04 || public key)[:4]. With the
// key of seed 202122…3f, whose public text is
//
//	court.example/witness+98dacdd2+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X
//
// the example checkpoint of package ledger, cosigned at 2026-01-02T03:04:06Z, gets the line
//
//	— court.example/witness mNrN0gAAAABpVzWmfzHo38k79GO6mZQThtuIb93+qiJ1oQ/Qr5Lcl0IKRYOrvxtFAvhaYT3JvTUAoKDEYtCbx17rkUj/b4/wLWnNAA==
//
// What is signed does not contain the witness's name, so a key has one name only.
//
// # add-checkpoint
//
// The log posts the size that the witness cosigned last, the proof that it only
// grew since, an empty line, and its signed checkpoint:
//
//	old 1
//	LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL8=
//
//	ledger.example/agency-a
//	2
//	brtfG5cyC6i9rxj9mLs7LJ4Zjks/4Pt6OgU4LQlTUus=
//
//	— ledger.example/agency-a pkNeoxJi…
//
// The answers, in the order in which they are found:
//
//	400  the request is malformed, or its old size is larger than the checkpoint's
//	404  the witness does not know the log
//	403  no key that the witness trusts for the log has signed
//	409  the old size is not the last cosigned one, or two trees of one size
//	     differ; the body is the last cosigned size
//	422  the proof does not hold
//	200  the body is one or more cosignatures
//
// # Canonical form
//
// As in package ledger, every parser accepts exactly the bytes that the writer
// gives for what was parsed. Checkpoints with extension lines are refused as
// malformed: fieldseal's logs write none, and nobody audits them.
//
// # What it is worth
//
// A quorum of cosignatures shows that whoever asks those witnesses is shown the
// same log as everyone else. The times are the witnesses' own word. Witnesses
// that one hand holds are one witness.
package witness
