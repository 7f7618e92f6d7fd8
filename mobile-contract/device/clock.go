package device

import (
	"crypto/rand"
	"sync"
	"time"

	"fieldseal/sync/event"
)

// SystemClock reads the system's wall clock with its offset, where it was set
// from, and the time since the system's boot.
//
// On Linux the boot is the kernel's boot_id and the monotonic time CLOCK_BOOTTIME,
// which counts suspend; elsewhere each process counts as a boot of its own.
func SystemClock() event.Clock {
	boot, mono := bootTime()
	return event.Clock{Wall: event.StampOf(time.Now()), Source: clockSource(), Boot: boot, MonoMS: mono}
}

// processBoot stands for the boot where the system gives none.
var processBoot = sync.OnceValue(func() (b struct {
	id    event.UUID
	start time.Time
}) {
	b.start = time.Now()
	b.id = newUUID(b.start)
	return b
})

func processTime() (event.UUID, int64) {
	b := processBoot()
	return b.id, time.Since(b.start).Milliseconds()
}

func newUUID(at time.Time) event.UUID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return event.NewUUID(at, random)
}
