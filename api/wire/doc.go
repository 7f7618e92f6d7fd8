// Package wire is version 1 of the HTTP interface as JSON: what a mobile team, a
// laboratory system or a court tool reads and writes. It imports nothing of
// fieldseal, so that it can be copied into a client as it is; openapi.yaml in
// mobile-contract describes the same shapes, and a test holds the two together.
//
// Conventions: identifiers are text (UUIDs lower-case and hyphenated, digests and
// keys 64 lower-case hex digits); instants are integers in microseconds since
// 1970-01-01 UTC where the name ends in _us; envelopes are DSSE lines, given as
// JSON strings so that their exact bytes survive any JSON library.
//
// # Errors
//
// Every answer with a status of 400 or above carries an Error. Its code is from
// the closed set below; message says what happened, to which thing, and what to
// do next; it may be shown to a person.
package wire

// ErrorCode is a machine-readable reason.
type ErrorCode string

// The closed set of error codes and the HTTP status each comes with.
const (
	// CodeBadRequest (400): the request's form is wrong; nothing was stored. Mend it and send again.
	CodeBadRequest ErrorCode = "BAD_REQUEST"
	// CodeUnauthenticated (401): no token, or one that is expired, forged or withdrawn. Sign in again.
	CodeUnauthenticated ErrorCode = "UNAUTHENTICATED"
	// CodeReuse (401): a refresh token was used twice; every session that came from it has been ended.
	CodeReuse ErrorCode = "TOKEN_REUSED"
	// CodeForbidden (403): the person or device may not do this.
	CodeForbidden ErrorCode = "FORBIDDEN"
	// CodeNotFound (404): there is no such thing, or the person may not know of it.
	CodeNotFound ErrorCode = "NOT_FOUND"
	// CodeMethod (405): the path exists, but not with this method.
	CodeMethod ErrorCode = "METHOD_NOT_ALLOWED"
	// CodeConflict (409): the state of the thing does not allow it; read it again.
	CodeConflict ErrorCode = "CONFLICT"
	// CodeFrozen (409): the log has ended and takes nothing new; nothing was stored. Keep the
	// data and hand it in to the log that continues this one.
	CodeFrozen ErrorCode = "LOG_FROZEN"
	// CodeGone (410): a one-time code or challenge was spent or has expired.
	CodeGone ErrorCode = "GONE"
	// CodeTooLarge (413): more bytes, lines or expansion than one request may have; send less at a time.
	CodeTooLarge ErrorCode = "TOO_LARGE"
	// CodeMediaType (415): the content type or encoding is not one that is taken.
	CodeMediaType ErrorCode = "UNSUPPORTED_MEDIA_TYPE"
	// CodeDigest (422): the bytes are not those that were announced; they are kept in quarantine.
	CodeDigest ErrorCode = "DIGEST_MISMATCH"
	// CodeRateLimited (429): too many attempts; wait for the seconds that Retry-After says.
	CodeRateLimited ErrorCode = "RATE_LIMITED"
	// CodeInternal (500): the server failed; nothing was acknowledged. Send again later.
	CodeInternal ErrorCode = "INTERNAL"
	// CodeUnavailable (503): the server does not take work now; nothing was acknowledged. Send again later.
	CodeUnavailable ErrorCode = "UNAVAILABLE"
	// CodeNoSpace (507): the server's disk is full; nothing was acknowledged. Keep the data and send again later.
	CodeNoSpace ErrorCode = "NO_SPACE"
)

// Error is the body of every failed request.
type Error struct {
	Error ErrorBody `json:"error"`
}

// ErrorBody says what went wrong.
type ErrorBody struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"message"`
	// RequestID finds the request in the server's log.
	RequestID string `json:"request_id,omitempty"`
	// Wanted and Got are set with DIGEST_MISMATCH.
	Wanted string `json:"wanted,omitempty"`
	Got    string `json:"got,omitempty"`
}
