package stamp

import "errors"

// Every error of this package wraps one of these.
var (
	// ErrMalformed: not the form that the package comment describes.
	ErrMalformed = errors.New("not a time-stamp token in the accepted form")
	// ErrRefused: the authority answered without a token.
	ErrRefused = errors.New("the time-stamping authority refused")
	// ErrImprint: the token is over other data.
	ErrImprint = errors.New("the time-stamp token is over other data")
	// ErrNonce: the token does not answer this request.
	ErrNonce = errors.New("the time-stamp token has another nonce than the request")
	// ErrSignature: the token was changed, or its certificate did not sign it.
	ErrSignature = errors.New("the time-stamp token's signature is wrong")
	// ErrCertificate: the certificate is not one for time-stamping, or not the one that the token names.
	ErrCertificate = errors.New("the certificate of the time-stamp token may not sign it")
	// ErrPolicy: made under a policy that the caller does not accept.
	ErrPolicy = errors.New("the time-stamp token's policy is not accepted")
	// ErrChain: no chain that was valid at the token's time leads to a trusted root.
	ErrChain = errors.New("the time-stamp token's certificate does not lead to a trusted root")
	// ErrRoots: what should be trusted cannot be read, or is no root.
	ErrRoots = errors.New("not a list of root certificates")
)
