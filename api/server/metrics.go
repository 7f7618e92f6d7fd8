package server

import (
	"runtime"
	"strconv"
	"time"

	"fieldseal/sync/ingest"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's own counters. Labels come from closed sets only: a
// label made of an id or a path would grow without end and carry personal data.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	lines     *prometheus.CounterVec
	media     *prometheus.CounterVec
	logins    *prometheus.CounterVec
}

func newMetrics(version string, size func() float64) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fieldseal_http_requests_total",
			Help: "Requests by method, route pattern and status."}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "fieldseal_http_request_seconds",
			Help: "Time to answer, by route pattern.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}, []string{"route"}),
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fieldseal_events_total",
			Help: "Received envelopes by outcome and, for quarantine, by code."}, []string{"status", "code"}),
		media: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fieldseal_media_total",
			Help: "Files by outcome: arrived or quarantined."}, []string{"outcome"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fieldseal_logins_total",
			Help: "Sign-ins by way (password, device, refresh) and outcome."}, []string{"way", "outcome"}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.lines, m.media, m.logins,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fieldseal_ledger_size", Help: "Leaves in the ledger."}, size),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fieldseal_build_info", Help: "1, with the version.",
			ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}}, func() float64 { return 1 }))
	return m
}

func (m *metrics) request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route).Observe(took.Seconds())
}

func (m *metrics) batch(r ingest.Receipt) {
	type label struct{ status, code string }
	counts := map[label]int{}
	for _, x := range r.Results {
		counts[label{string(x.Status), string(x.Code)}]++
	}
	for l, n := range counts {
		m.lines.WithLabelValues(l.status, l.code).Add(float64(n))
	}
}

func (m *metrics) login(way string, err error) {
	outcome := "admitted"
	if err != nil {
		outcome = "refused"
	}
	m.logins.WithLabelValues(way, outcome).Inc()
}

func (m *metrics) handler() fiber.Handler {
	return adaptor.HTTPHandler(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}
