package device

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// archiveReadme explains an archive to whoever opens it without this program.
const archiveReadme = `fieldseal: plain archive of one device
======================================

events.ndjson       this device's events, one DSSE envelope a line, exact bytes, in order
pulled.ndjson       events of others that this device verified
carried.ndjson      events of others that this device was shown in handovers
unverified.ndjson   events of others that do not verify, or could not be checked yet
receipts.json       what the server answered for each event
entries.json        where in the ledger the server said that each line above stands
proofs/             inclusion proofs (C2SP tlog-proof), one for each proven event
checkpoints/        every signed checkpoint of the ledger that was seen
media/              photos and files, named by the SHA-256 of their bytes
device.json         who this device is, whom it trusts; public keys only
anomalies.json      alarms, with their evidence in base64
SHA256SUMS          check all of the above with: sha256sum -c SHA256SUMS

The private key is not in it. An envelope's payload is base64 of JSON; its id is
SHA-256 over "DSSEv1 " length type length payload, see the mobile contract.

fieldseal：单台设备的明文存档
============================

events.ndjson 为本设备的事件（每行一个 DSSE 信封，字节原样，按顺序）；pulled.ndjson 为本设备核验过的
他人事件；carried.ndjson 为交接时出示的他人事件；entries.json 为服务器告知的各行在账本中的位置；
media/ 为照片和文件，以其字节的 SHA-256 命名；
former/ 为本设备此前所属账本的证明与检查点；proofs/ 为账本包含证明；checkpoints/ 为见过的账本检查点。用 sha256sum -c SHA256SUMS 可核对全部
文件。存档中不含私钥。
`

// archive writes the members of an archive and remembers their digests.
type archive struct {
	z    *zip.Writer
	sums bytes.Buffer
	now  time.Time
}

// member writes one member; photos and videos are compressed already, so they are stored.
func (a *archive) member(name string, method uint16, write func(io.Writer) error) error {
	w, err := a.z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: a.now})
	if err != nil {
		return err
	}
	h := sha256.New()
	if err := write(io.MultiWriter(w, h)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.sum(name, h)
	return nil
}

func (a *archive) sum(name string, h hash.Hash) {
	fmt.Fprintf(&a.sums, "%s  %s\n", hex.EncodeToString(h.Sum(nil)), name)
}

// ExportArchive writes everything of this store but the private key as a zip that
// can be read without this program. Memory does not grow with the store. A file
// that is damaged is left out and named in the error, after the rest was written:
// an error that wraps ErrMedia comes with a whole archive of all else.
func (s *Store) ExportArchive(ctx context.Context, w io.Writer) error {
	a := &archive{z: zip.NewWriter(w), now: s.now().UTC()}
	var damaged error
	err := s.read(ctx, func(t *tx) error {
		id, err := loadIdentity(t)
		if err != nil && !errors.Is(err, ErrNotEnrolled) {
			return err
		}
		parts := []func() error{
			func() error { return a.text("README.txt", archiveReadme) },
			func() error { return a.lines(t, "events.ndjson", `SELECT line FROM events ORDER BY seq`) },
			func() error {
				return a.lines(t, "pulled.ndjson", `SELECT line FROM pulled WHERE state = 'verified' ORDER BY idx, id`)
			},
			func() error {
				return a.lines(t, "unverified.ndjson", `SELECT line FROM pulled WHERE state <> 'verified' ORDER BY idx, id`)
			},
			func() error { return a.lines(t, "carried.ndjson", `SELECT line FROM carried ORDER BY id`) },
			func() error { return a.receipts(t) },
			func() error { return a.entries(t) },
			func() error { return a.checkpoints(t) },
			func() error { return a.anomalies(t) },
		}
		if id != nil {
			parts = append(parts, func() error { return a.identity(id) }, func() error { return a.proofs(t, id) }, func() error { return a.former(t, id) })
		}
		for _, part := range parts {
			if err := part(); err != nil {
				return err
			}
		}
		damaged, err = a.media(ctx, s, t)
		return err
	})
	if err == nil {
		var sums io.Writer
		if sums, err = a.z.CreateHeader(&zip.FileHeader{Name: "SHA256SUMS", Method: zip.Deflate, Modified: a.now}); err == nil {
			_, err = sums.Write(a.sums.Bytes())
		}
	}
	if err = errors.Join(err, a.z.Close()); err != nil {
		return fmt.Errorf("the archive was not written whole: %w", storageErr(err))
	}
	return damaged
}

func (a *archive) text(name, text string) error {
	return a.member(name, zip.Deflate, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

func (a *archive) json(name string, v any) error {
	return a.member(name, zip.Deflate, func(w io.Writer) error {
		return json.MarshalWrite(w, v, json.Deterministic(true), jsontext.WithIndent("  "))
	})
}

// lines writes the exact bytes of a query's one column, a line each.
func (a *archive) lines(t *tx, name, query string) error {
	return a.member(name, zip.Deflate, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		rows, err := t.rows(query)
		err = each(rows, err, func(rows *sql.Rows) error {
			var line sql.RawBytes
			if err := rows.Scan(&line); err != nil {
				return err
			}
			if _, err := b.Write(line); err != nil {
				return err
			}
			return b.WriteByte('\n')
		})
		return errors.Join(err, b.Flush())
	})
}

// exportedReceipt is an entry of receipts.json.
type exportedReceipt struct {
	ID             string `json:"id"`
	Seq            int64  `json:"seq,omitzero"`
	Type           string `json:"type,omitzero"`
	State          string `json:"state"`
	Status         string `json:"status,omitzero"`
	Code           string `json:"code,omitzero"`
	Detail         string `json:"detail,omitzero"`
	Index          int64  `json:"index"`
	ReceivedUS     int64  `json:"received_us,omitzero"`
	CheckpointSize int64  `json:"checkpoint_size,omitzero"`
}

// array writes a JSON array, an element for each row.
func (a *archive) array(t *tx, name, query string, element func(*sql.Rows) (any, error)) error {
	return a.member(name, zip.Deflate, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		open := "[\n"
		rows, err := t.rows(query)
		err = each(rows, err, func(rows *sql.Rows) error {
			x, err := element(rows)
			if err != nil {
				return err
			}
			text, err := json.Marshal(x)
			if err != nil {
				return err
			}
			_, err = b.WriteString(open)
			open = ",\n"
			return errors.Join(err, writeAll(b, text))
		})
		if err == nil && open == "[\n" {
			_, err = b.WriteString("[")
		}
		return errors.Join(err, writeAll(b, []byte("\n]\n")), b.Flush())
	})
}

func (a *archive) receipts(t *tx) error {
	return a.array(t, "receipts.json", `SELECT e.id, e.seq, e.type, e.state, coalesce(r.status, ''), coalesce(e.code, ''), coalesce(e.detail, ''),
		coalesce(r.idx, -1), coalesce(r.received_us, 0), coalesce(r.checkpoint_size, 0)
		FROM events e LEFT JOIN receipts r ON r.event_id = e.id ORDER BY e.seq`, func(rows *sql.Rows) (any, error) {
		var id event.ID
		var x exportedReceipt
		err := rows.Scan(hashTo(&id), &x.Seq, &x.Type, &x.State, &x.Status, &x.Code, &x.Detail, &x.Index, &x.ReceivedUS, &x.CheckpointSize)
		x.ID = id.String()
		return x, err
	})
}

// exportedEntry is an entry of entries.json: with the exact line of this id, all
// that the leaf at Index is made of. A server that has to rebuild its ledger reads it.
type exportedEntry struct {
	ID         string `json:"id"`
	Index      int64  `json:"index"`
	ReceivedUS int64  `json:"received_us"`
	Kind       int64  `json:"kind"`
}

// entries writes the places of own, carried and pulled lines.
func (a *archive) entries(t *tx) error {
	return a.array(t, "entries.json", `SELECT event_id, idx, received_us, kind FROM receipts
		UNION SELECT id, idx, received_us, kind FROM pulled WHERE idx IS NOT NULL AND received_us IS NOT NULL AND kind IS NOT NULL
		ORDER BY 2, 1`, func(rows *sql.Rows) (any, error) {
		var id event.ID
		var x exportedEntry
		err := rows.Scan(hashTo(&id), &x.Index, &x.ReceivedUS, &x.Kind)
		x.ID = id.String()
		return x, err
	})
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

func (a *archive) checkpoints(t *tx) error {
	rows, err := t.rows(`SELECT size, note_sha256, note, state FROM checkpoints ORDER BY size, note_sha256`)
	return each(rows, err, func(rows *sql.Rows) error {
		var size int64
		var d event.Digest
		var note []byte
		var state string
		if err := rows.Scan(&size, hashTo(&d), &note, &state); err != nil {
			return err
		}
		return a.text(fmt.Sprintf("checkpoints/%d-%s-%.8s.txt", size, state, d), string(note))
	})
}

// exportedIdentity is device.json.
type exportedIdentity struct {
	Device           string `json:"device"`
	Key              string `json:"key"`
	KeyPEM           string `json:"key_pem"`
	Person           string `json:"person"`
	PersonName       string `json:"person_name"`
	Org              string `json:"org"`
	OrgName          string `json:"org_name"`
	Server           string `json:"server"`
	Enrolment        string `json:"enrolment"`
	EnrolmentIndex   int64  `json:"enrolment_index"`
	Authority        string `json:"authority"`
	AuthorityName    string `json:"authority_name"`
	AuthorityKey     string `json:"authority_key"`
	AuthorityKeyPEM  string `json:"authority_key_pem"`
	AuthorityGenesis string `json:"authority_genesis"`
	LogOrigin        string `json:"log_origin"`
	LogKey           string `json:"log_key"`
	Enrolled         string `json:"enrolled"`
}

func (a *archive) identity(id *Identity) error {
	return a.json("device.json", exportedIdentity{Device: id.Device.String(), Key: id.Key.ID().String(), KeyPEM: string(id.Key.PEM()),
		Person: id.Person.String(), PersonName: id.PersonName, Org: id.Org.String(), OrgName: id.OrgName, Server: id.Server,
		Enrolment: id.Enrolment.String(), EnrolmentIndex: id.EnrolmentIndex, Authority: id.Authority.String(),
		AuthorityName: id.AuthorityName, AuthorityKey: id.AuthorityKey.ID().String(), AuthorityKeyPEM: string(id.AuthorityKey.PEM()),
		AuthorityGenesis: string(id.AuthorityLine), LogOrigin: id.LogOrigin, LogKey: id.LogKey, Enrolled: id.Enrolled})
}

// proofs writes a C2SP tlog-proof for every proven event.
func (a *archive) proofs(t *tx, id *Identity) error {
	return a.proofFiles(t, id, "", `SELECT e.seq, e.id, e.line, r.idx, r.received_us, r.kind, r.status = 'quarantined', r.proof,
		(SELECT note FROM checkpoints WHERE size = r.proof_size AND state = 'linked' ORDER BY rowid LIMIT 1)
		FROM events e JOIN receipts r ON r.event_id = e.id WHERE r.proof IS NOT NULL ORDER BY e.seq`)
}

// proofFiles writes the proofs that a query gives into a folder of the archive.
func (a *archive) proofFiles(t *tx, id *Identity, folder, query string, args ...any) error {
	rows, err := t.rows(query, args...)
	return each(rows, err, func(rows *sql.Rows) error {
		var u unproven
		var flat, note []byte
		if err := rows.Scan(&u.seq, hashTo(&u.id), &u.line, &u.idx, &u.receivedUS, &u.kind, &u.quarantined, &flat, &note); err != nil {
			return err
		}
		leaf, err := ledgerLeaf(id, &u)
		if err != nil {
			return err
		}
		extra, err := leaf.Marshal()
		if err != nil {
			return err
		}
		p := ledger.Proof{Index: ledger.Index(u.idx), Extra: extra, Note: note}
		for ; len(flat) >= ledger.HashSize; flat = flat[ledger.HashSize:] {
			p.Hashes = append(p.Hashes, ledger.Hash(flat[:ledger.HashSize]))
		}
		return a.text(fmt.Sprintf(folder+"proofs/%08d-%.16s.tlog-proof", u.seq, u.id), string(p.Marshal()))
	})
}

// exportedAnomaly is an entry of anomalies.json.
type exportedAnomaly struct {
	N            int64  `json:"n"`
	At           string `json:"at"`
	Kind         string `json:"kind"`
	Detail       string `json:"detail"`
	One          []byte `json:"one,omitzero"`
	Two          []byte `json:"two,omitzero"`
	Acknowledged string `json:"acknowledged,omitzero"`
}

func (a *archive) anomalies(t *tx) error {
	list := []exportedAnomaly{}
	rows, err := t.rows(`SELECT n, at, kind, detail, one, two, coalesce(acknowledged, '') FROM anomalies ORDER BY n`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var x exportedAnomaly
		err := rows.Scan(&x.N, &x.At, &x.Kind, &x.Detail, &x.One, &x.Two, &x.Acknowledged)
		list = append(list, x)
		return err
	})
	if err != nil {
		return err
	}
	return a.json("anomalies.json", list)
}

// media writes the originals; damaged names those that are not what they were.
func (a *archive) media(ctx context.Context, s *Store, t *tx) (damaged, err error) {
	rows, err := t.rows(`SELECT ` + mediaColumns + ` FROM media ORDER BY sha256`)
	err = each(rows, err, func(rows *sql.Rows) error {
		m, err := s.scanMedia(rows)
		if err != nil {
			return err
		}
		f, err := openWhole(ctx, &m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			damaged = errors.Join(damaged, err)
			return nil
		}
		return a.file("media/"+m.SHA256.String(), f)
	})
	return damaged, err
}

func (a *archive) file(name string, f *os.File) error {
	err := a.member(name, zip.Store, func(w io.Writer) error { _, err := io.Copy(w, f); return err })
	return errors.Join(err, f.Close())
}
