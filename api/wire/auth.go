package wire

// Login is the body of POST /v1/auth/login.
type Login struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

// Refresh is the body of POST /v1/auth/refresh and of /v1/auth/logout.
type Refresh struct {
	RefreshToken string `json:"refresh_token"`
	// Everywhere, with logout, ends every session of the person.
	Everywhere bool `json:"everywhere,omitempty"`
}

// Tokens answers a login, a device login and a refresh.
type Tokens struct {
	// AccessToken is a JWT for the Authorization header, Bearer scheme.
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	// ExpiresIn is the access token's life in seconds.
	ExpiresIn int64 `json:"expires_in"`
	// RefreshToken is good for one use; absent for tokens of a revoked device.
	RefreshToken string `json:"refresh_token,omitempty"`
	// Scope is "full", or "deposit": may hand in batches and media and read nothing.
	Scope string `json:"scope"`
}

// Challenge answers POST /v1/auth/challenge.
type Challenge struct {
	Nonce     string `json:"nonce"`
	Audience  string `json:"audience"`
	ExpiresIn int64  `json:"expires_in"`
}

// DeviceLogin is the body of POST /v1/auth/device.
type DeviceLogin struct {
	// Envelope is a DSSE line of payload type AuthPayloadType over an AuthStatement.
	Envelope string `json:"envelope"`
}

// Payload types that a key seals beside events. Neither is ever a ledger entry of its own.
const (
	AuthPayloadType  = "application/vnd.fieldseal.auth.v1+json"
	EnrolPayloadType = "application/vnd.fieldseal.enrol.v1+json"
)

// AuthStatement is what a device seals to sign in.
type AuthStatement struct {
	Nonce    string `json:"nonce"`
	Audience string `json:"audience"`
	Device   string `json:"device"`
	Time     string `json:"time"`
}

// EnrolStatement is what a new key seals to prove that the device holds it.
type EnrolStatement struct {
	// CodeSHA256 is SHA-256 over the one-time code's text, hex.
	CodeSHA256 string `json:"code_sha256"`
	// Key is the new key's id.
	Key   string `json:"key"`
	Nonce string `json:"nonce"`
	Time  string `json:"time"`
}

// Key is a public key bound to its algorithm.
type Key struct {
	ID  string `json:"id"`
	Alg string `json:"alg"`
	// SPKI is the DER SubjectPublicKeyInfo in standard base64.
	SPKI string `json:"spki"`
}

// Enrol is the body of POST /v1/enrol.
type Enrol struct {
	Code  string `json:"code"`
	Key   Key    `json:"key"`
	Model string `json:"model,omitempty"`
	App   string `json:"app,omitempty"`
	// Proof is a DSSE line of payload type EnrolPayloadType over an EnrolStatement, sealed by the new key.
	Proof string `json:"proof"`
}

// Enrolled answers POST /v1/enrol.
type Enrolled struct {
	Device     string `json:"device"`
	Person     string `json:"person"`
	PersonName string `json:"person_name"`
	Org        string `json:"org"`
	OrgName    string `json:"org_name"`
	// Enrolment is the exact device.enrolled envelope, its event id and where it stands in the ledger.
	Enrolment      string `json:"enrolment"`
	EnrolmentID    string `json:"enrolment_id"`
	EnrolmentIndex int64  `json:"enrolment_index"`
	// Authority is the exact authority.genesis envelope: the key that sealed the enrolment, the log's origin and key.
	Authority string `json:"authority"`
	// Checkpoint is a signed checkpoint that covers the enrolment.
	Checkpoint string `json:"checkpoint"`
}

// Me answers GET /v1/me.
type Me struct {
	Person string   `json:"person"`
	Name   string   `json:"name"`
	Org    string   `json:"org"`
	Roles  []string `json:"roles"`
	Device string   `json:"device,omitempty"`
	Scope  string   `json:"scope"`
}
