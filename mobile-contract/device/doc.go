// Package device is the core of an evidence device: it captures, seals and keeps
// events with the network off, and hands them in when there is one. A laptop's
// fieldkit is built on it; native teams read it beside the schema and the vectors.
//
// # The store
//
// A store is a directory that one device owns:
//
//	fieldseal.sqlite   everything but files and the key; schema/device describes it
//	media/ab/<sha256>  originals of photos and files, exactly as they were
//	media/tmp/         files on their way in; removed when a day old
//	device.key         the private key, PKCS #8 PEM, readable by its owner only
//	sync.lock          held by the one process that syncs
//
// A laptop has no secure element that this package could use, so the key file is
// as safe as the account and the disk's encryption. Where there is hardware for
// keys, Options.Signer takes its place and there is no key file.
//
// # Captured means durable
//
// [Store.Capture] returns after the sealed event is committed and flushed
// (synchronous=FULL); a crash at any instant loses at most what had not been
// returned. Several processes may capture into one store: the chain's head is
// read and extended within one BEGIN IMMEDIATE transaction. Media come first: a
// file is flushed under its digest before an event can name it.
//
// After a full disk ([ErrDiskFull]) or a failed write ([ErrStorage]) nothing
// that was acknowledged is lost. Where a commit itself failed, the event may or
// may not be there: look before capturing it again.
//
// # What "sent" means
//
// The server is not taken at its word. An event leaves state local only when the
// server gave back the id that this device computed, with a ledger index that is
// covered by a checkpoint whose signature is that of the pinned log (sent); when
// that checkpoint is shown to continue every one seen before (receipted); and
// when an inclusion proof leads from the event's own leaf to it (proven). A
// server that answers anything else is refused with a *[ServerFault], and its
// exact answer is kept as evidence. Of a log that forked, both checkpoints are kept.
//
// # Trust
//
// [Store.Enrol] pins the authority's key and the log's key: the first answer is
// believed unless the caller brings the authority's fingerprint from elsewhere
// (EnrolRequest.Authority), which is better. Everything pulled later is checked
// with [seal.Verify] and the keys of verified enrolments.
//
// # Another log
//
// A log can end and be continued by another one, with keys of its own. [Store.Succeed]
// goes over: it checks that the pinned authority has named the new log, or a person
// its fingerprint, and that the new log begins with all of the old one that this device
// was ever shown. The device keeps its key and its chain. What the old log has proven
// to hold stays proven there (Event.Former); the rest is handed in to the new one.
//
// Media travel apart from events and never hold them up.
package device
