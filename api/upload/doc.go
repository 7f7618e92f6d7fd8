// Package upload takes media in by the tus resumable upload protocol 1.0.0
// (tus.io/protocols/resumable-upload, core with creation, creation-with-upload,
// checksum and termination) and gives it out again.
//
// # Routes
//
// Below the router that [Register] is given:
//
//	OPTIONS /media/uploads             what this server can; needs no sign-in
//	POST    /media/uploads             begin an upload
//	HEAD    /media/uploads/{id}        how many bytes are safe
//	PATCH   /media/uploads/{id}        send bytes
//	DELETE  /media/uploads/{id}        give an unfinished upload up
//	POST    /media/uploads/{id}        any of the three by X-HTTP-Method-Override
//	GET     /media/{sha256}            the original's bytes, ranges served
//	GET     /media/{sha256}/thumbnail  a small picture of it, where configured
//
// # What goes beyond tus
//
//   - Upload-Metadata must carry sha256 (the base64 of 64 lower-case hex digits).
//     It should carry the media type as type or filetype. Everything else in it
//     is kept and given back by HEAD.
//   - POST for a file that is held already answers 201 with Fieldseal-Media: held
//     and Upload-Offset equal to the length: nothing needs to be sent.
//   - The request that completes a file is answered only after the digest was
//     compared. Another digest is 422 DIGEST_MISMATCH with wanted and got; the
//     bytes are kept in quarantine, and the upload goes on answering 422.
//   - Upload-Checksum takes sha-256 (also spelt sha256). A chunk that does not
//     match is 460 and nothing of it is kept, nor of one that breaks off.
//   - A transfer that stalled gives way to a newer request on the same upload, so
//     a phone that changed networks need not wait for its dead connection.
//
// # The order of things
//
// An offset is answered only when everything before it is on stable storage. A
// file is said to be there (204 at full length, HEAD at full length, held) only
// after OnArrived has returned nil for it. So a crash or an error between the
// content and its ledger entry leaves an upload that is announced again by the
// client's repetition, whichever form it takes, and by [Sweep] at the next start;
// OnArrived must therefore be idempotent by digest.
//
// # Serving
//
// Bodies are streamed to disk in bounded memory. That needs the fiber settings
// that [Configure] makes, and a listener from [RollingDeadlineListener], since the
// read timeout of fasthttp spans a whole request and would end a long upload.
package upload
