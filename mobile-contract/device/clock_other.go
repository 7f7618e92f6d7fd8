//go:build !linux

package device

import "fieldseal/sync/event"

func bootTime() (event.UUID, int64) { return processTime() }

func clockSource() event.ClockSource { return "device" }
