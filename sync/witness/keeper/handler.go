package keeper

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"fieldseal/sync/witness"
)

const (
	// readTimeout bounds a request: 132 kB over a line that is worth having.
	readTimeout = 15 * time.Second
	// writeTimeout bounds an answer, the wait for the files' lock with it.
	writeTimeout = 30 * time.Second
	// idleTimeout is longer than the minute between heartbeats, so that a log keeps its connection.
	idleTimeout = 3 * time.Minute
	// maxHeader bounds the header: the protocol uses none.
	maxHeader = 8 << 10
)

// Handler answers C2SP tlog-witness. It is an http.Handler for the submission
// prefix: POST /add-checkpoint, and GET /healthz.
type Handler struct {
	Keeper *Keeper
	Key    *witness.Key
	Logs   witness.Logs
	Log    *slog.Logger
}

// NewServer makes the HTTP server around h, with its time limits.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/add-checkpoint" && r.Method == http.MethodPost:
		h.add(w, r)
	case r.URL.Path == "/add-checkpoint":
		w.Header().Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, witness.TypeText, []byte("checkpoints are posted\n"))
	case r.URL.Path == "/healthz" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.health(w, r)
	default:
		answer(w, http.StatusNotFound, witness.TypeText, []byte("a witness answers POST /add-checkpoint\n"))
	}
}

func (h *Handler) add(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, witness.MaxRequestBytes+1))
	if err != nil { // the connection broke, or is too slow: nobody reads the answer
		answer(w, http.StatusBadRequest, witness.TypeText, []byte("the request was cut short\n"))
		return
	}
	s, err := h.Logs.Admit(body)
	if err != nil {
		h.refuse(w, "", err)
		return
	}
	c := s.Checkpoint
	sig, err := h.Keeper.Cosign(r.Context(), s, h.Key)
	if err != nil {
		h.refuse(w, c.Origin, err)
		return
	}
	h.Log.Info("cosigned", "origin", c.Origin, "size", int64(c.Size), "from", int64(s.Request.Old))
	answer(w, witness.StatusCosigned, witness.TypeText, witness.MarshalCosignatures(sig))
}

// refuse answers what was not cosigned. A fault of this side shows no detail.
func (h *Handler) refuse(w http.ResponseWriter, origin string, err error) {
	var refusal *witness.Refusal
	var clock *ClockError
	switch {
	case errors.As(err, &refusal) && refusal.Fork:
		h.Log.Error("the log shows a second history; nothing was cosigned", "origin", origin, "status", refusal.Status, "cause", err.Error())
	case errors.As(err, &refusal):
		h.Log.Warn("refused", "origin", origin, "status", refusal.Status, "cause", refusal.Error())
	case errors.As(err, &clock), errors.Is(err, ErrUnseeded):
		h.Log.Error("nothing is cosigned", "origin", origin, "cause", err.Error())
		answer(w, http.StatusServiceUnavailable, witness.TypeText, []byte("the witness cannot cosign now; its operator is told why\n"))
		return
	default:
		h.Log.Error("the witness's files fail", "origin", origin, "cause", err.Error())
		answer(w, http.StatusInternalServerError, witness.TypeText, []byte("the witness's memory fails; its operator is told why\n"))
		return
	}
	answer(w, refusal.Status, refusal.ContentType(), refusal.Body())
}

func (h *Handler) health(w http.ResponseWriter, r *http.Request) {
	if _, err := h.Keeper.Records(r.Context()); err != nil {
		h.Log.Error("the witness's files fail", "cause", err.Error())
		answer(w, http.StatusServiceUnavailable, witness.TypeText, []byte("the witness's memory fails\n"))
		return
	}
	answer(w, http.StatusOK, witness.TypeText, []byte("alive\n"))
}

func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who asked has gone where this fails
}
