package server

import (
	"context"
	"fmt"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness/collect"

	"github.com/prometheus/client_golang/prometheus"
)

// cosigned gives the checkpoint with the cosignatures of a quorum, where one has
// cosigned exactly this one; otherwise it gives it as it is.
func (s *Server) cosigned(c *ledger.SignedCheckpoint) *ledger.SignedCheckpoint {
	if w := s.witnessed(); c != nil && w != nil && w.Checkpoint == c.Checkpoint {
		return w
	}
	return c
}

// witnessed is the newest checkpoint that a quorum has cosigned, or nil.
func (s *Server) witnessed() *ledger.SignedCheckpoint {
	if s.cfg.Witnesses == nil {
		return nil
	}
	w, _ := s.cfg.Witnesses.Witnessed()
	return w
}

// witnessWait is how long a bundle waits for the witnesses: one that answers at all
// does so in less, and who fetches a bundle waits for seconds anyway.
const witnessWait = 5 * time.Second

// witnessedNote gives what a bundle is to be made of: the newest checkpoint with a
// quorum, which everything that there was at this moment is covered by. Where the
// witnesses do not answer it is nil, for the newest there is.
func (s *Server) witnessedNote(ctx context.Context, bundle event.UUID) []byte {
	if s.cfg.Witnesses == nil {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, witnessWait)
	defer cancel()
	w, err := s.cfg.Witnesses.Await(wait)
	if err != nil {
		s.log.Warn("a bundle or certificate is made of a checkpoint without a quorum of witnesses", "id", bundle.String(), "cause", err.Error())
		return nil
	}
	return w.Note()
}

// witnessReport is what readyz says of the witnesses. It does not make a server
// unready: evidence is taken in without them. It names nobody, since anyone may ask.
func witnessReport(s collect.Status) string {
	cosign := 0
	for _, w := range s.Witnesses {
		if w.State.Alarm() || w.Forgot > 0 {
			return "ALARM: a witness disagrees with this server; see the log"
		}
		if w.State == collect.OK || w.State == collect.Slow {
			cosign++
		}
	}
	word := "witnessed"
	if !s.Current() {
		word = "not yet witnessed"
	}
	return fmt.Sprintf("%s; %d of %d answer, %d are needed", word, cosign, len(s.Witnesses), s.Quorum)
}

// witnessStates are the values of the label state.
var witnessStates = []collect.State{collect.Unasked, collect.OK, collect.Slow, collect.Dead, collect.Refuses, collect.History, collect.Clock}

// witnessMetrics exports the collector's status. The labels are the configured
// names and the closed set of states.
type witnessMetrics struct {
	from                        *collect.Collector
	state, skew, size, findings *prometheus.Desc
}

func newWitnessMetrics(c *collect.Collector) *witnessMetrics {
	return &witnessMetrics{c,
		prometheus.NewDesc("fieldseal_witness_state", "1 for the state that a witness is in; history and clock are alarms.", []string{"witness", "state"}, nil),
		prometheus.NewDesc("fieldseal_witness_skew_seconds", "How far a witness's clock is ahead of this server's.", []string{"witness"}, nil),
		prometheus.NewDesc("fieldseal_witnessed_size", "Leaves that the newest checkpoint with a quorum of cosignatures covers.", nil, nil),
		prometheus.NewDesc("fieldseal_witness_findings_total", "Exchanges kept as evidence since the start: another history, or a witness that forgot.", []string{"witness"}, nil)}
}

// Describe implements prometheus.Collector.
func (m *witnessMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.state, m.skew, m.size, m.findings} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *witnessMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.from.Status()
	to <- prometheus.MustNewConstMetric(m.size, prometheus.GaugeValue, float64(s.WitnessedSize))
	for _, w := range s.Witnesses {
		for _, state := range witnessStates {
			value := 0.0
			if state == w.State {
				value = 1
			}
			to <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, value, w.Name, string(state))
		}
		to <- prometheus.MustNewConstMetric(m.skew, prometheus.GaugeValue, w.Skew.Seconds(), w.Name)
		to <- prometheus.MustNewConstMetric(m.findings, prometheus.CounterValue, float64(w.Findings), w.Name)
	}
}
