package device

import (
	"os"
	"strings"
	"sync"
	"time"

	"fieldseal/sync/event"

	"golang.org/x/sys/unix"
)

var kernelBoot = sync.OnceValue(func() event.UUID {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return event.UUID{}
	}
	id, err := event.ParseUUID(strings.TrimSpace(string(text)))
	if err != nil {
		return event.UUID{}
	}
	return id
})

func bootTime() (event.UUID, int64) {
	id := kernelBoot()
	var ts unix.Timespec
	if id.IsZero() || unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return processTime()
	}
	return id, time.Duration(ts.Nano()).Milliseconds()
}

// clockSource asks the kernel whether a time daemon keeps the clock; "device"
// where nobody does or it cannot be known.
func clockSource() event.ClockSource {
	var tx unix.Timex // modes 0: read only, needs no privilege
	state, err := unix.Adjtimex(&tx)
	const (
		timeError = 5    // TIME_ERROR: the clock is not synchronised (adjtimex(2))
		unsync    = 0x40 // STA_UNSYNC
	)
	if err != nil || state == timeError || tx.Status&unsync != 0 {
		return "device"
	}
	return "network"
}
