package clients

import (
	"net/http"
	"strings"
)

// class is a kind of request.
type class string

const (
	enrolment  class = "enrolment"
	batch      class = "batch"
	checkpoint class = "checkpoint"
	proofs     class = "proofs"
	changes    class = "changes"
	begin      class = "upload begun"
	offset     class = "upload offset"
	chunk      class = "upload chunk"
	other      class = "other"
)

func classOf(r *http.Request) class {
	path := r.URL.Path
	switch {
	case path == "/v1/enrol":
		return enrolment
	case path == "/v1/batches":
		return batch
	case path == "/v1/log/checkpoint":
		return checkpoint
	case path == "/v1/log/proofs":
		return proofs
	case path == "/v1/changes":
		return changes
	case strings.HasPrefix(path, "/v1/media/uploads"):
		switch {
		case r.Method == http.MethodHead:
			return offset
		case r.Method == http.MethodPatch:
			return chunk
		case r.Method == http.MethodPost:
			return begin
		}
	}
	return other
}

// trouble is one thing that the go-between does to a request.
type trouble struct {
	kind string
	says string
	do   func(*exchange)
}

// The faults: each can happen on any line.
var (
	dropped    = trouble{"dropped", "the connection broke before the request arrived", (*exchange).drop}
	lostAnswer = trouble{"lost-answer", "the request took effect, and the connection broke before the answer", (*exchange).loseAnswer}
	cutAnswer  = trouble{"cut-answer", "the answer broke off in its middle", (*exchange).cutAnswer}
	notNow     = trouble{"not-now", "503 UNAVAILABLE with Retry-After: 1", (*exchange).refuse}
	slow       = trouble{"slow", "the answer came two seconds late", (*exchange).delay}
	cutUpload  = trouble{"cut-upload", "the connection broke when half of a chunk had arrived", (*exchange).cutUpload}
	// honest lets one request through after a fault: what is sent again meets what is
	// there, and what is lost afterwards is no work of the fault.
	honest     = trouble{"honest", "", (*exchange).pass}
	flippedBit = trouble{"flipped-bit", "one bit of a chunk was turned on its way", (*exchange).flip}
)

// The lies: receipts and checkpoints that a client must not believe. None of the
// batches that are answered with one reaches the server, and each is of lines that
// have never reached it: who believes the receipt has lost them.
var (
	wrongID     = trouble{"wrong-id", "a receipt with the id of another event", (*exchange).lieWrongID}
	forged      = trouble{"forged-checkpoint", "receipts under a checkpoint that another key signed", (*exchange).lieForged}
	oldReceipt  = trouble{"old-receipt", "receipts under a true checkpoint, naming entries that are of other events", (*exchange).lieOld}
	short       = trouble{"short-answer", "one receipt too few", (*exchange).lieShort}
	uncovered   = trouble{"not-covered", "receipts for entries that the checkpoint does not cover", (*exchange).lieUncovered}
	forkedLog   = trouble{"forked-log", "a checkpoint of another history, truly signed by the log's key", (*exchange).lieFork}
	falseProofs = trouble{"false-proof", "proofs that lead to another entry", (*exchange).lieProofs}
)

// plan is what happens to the first requests of each class, one trouble to each; a
// request whose trouble does not fit it passes and leaves the trouble to the next.
func plan() map[class][]trouble {
	return map[class][]trouble{
		enrolment:  {lostAnswer},
		batch:      {lostAnswer, honest, notNow, honest, wrongID, cutAnswer, honest, dropped, honest, forged, slow, oldReceipt, short, uncovered},
		checkpoint: {dropped, forkedLog},
		proofs:     {cutAnswer, falseProofs},
		changes:    {cutAnswer},
		begin:      {lostAnswer},
		offset:     {notNow},
		chunk:      {cutUpload, lostAnswer, flippedBit},
	}
}
