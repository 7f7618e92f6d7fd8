package projection

import (
	"crypto/sha256"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// requestsOf is the subject under which what people of an organisation ask the
// authority for is filed. It is no identifier of anything: a request is not among
// what is known about the organisation, which others may be shown.
func requestsOf(org event.UUID) []byte {
	sum := sha256.Sum256(append([]byte(event.TypeAuthorityRequested+" "), org[:]...))
	return sum[:]
}

// Request is what a person has asked the authority for.
type Request struct {
	Event store.EventRow
	// Answer is the log place of the authority's event that names the request, -1 where there is none.
	Answer int64
}

// Requests lists what people of an organisation have asked the authority for
// before a log place, newest first.
func Requests(tx *store.Tx, org event.UUID, before, limit int64) ([]Request, error) {
	rows, err := all(tx, store.ScanEvent, "SELECT "+store.EventColumns+` FROM events WHERE idx IN
		(SELECT idx FROM statements WHERE subject = $1 AND idx < $2 ORDER BY idx DESC LIMIT $3) ORDER BY idx DESC`, requestsOf(org), before, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Request, len(rows))
	for i, r := range rows {
		list[i] = Request{Event: r, Answer: -1}
		if answer, found, err := AnswerTo(tx, r.ID); err != nil {
			return nil, err
		} else if found {
			list[i].Answer = answer
		}
	}
	return list, nil
}

// AnswerTo gives the log place of the authority's event that answers a request.
func AnswerTo(tx *store.Tx, request event.ID) (index int64, found bool, err error) {
	found, err = tx.Get("SELECT idx FROM statements WHERE subject = $1 ORDER BY idx LIMIT 1", store.Args(request[:]), &index)
	return index, found, err
}
