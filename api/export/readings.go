package export

import (
	"context"
	"errors"
	"time"

	"fieldseal/api/chart"
	"fieldseal/sync/custody"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// errEnough ends a reading whose taker has stopped.
var errEnough = errors.New("export: enough")

// Readings is the table of every record of a series, with two columns for each
// channel: the figure, and what is to be said of it (over range, a data flag, no
// measurement).
func Readings(ctx context.Context, r *chart.Reader, id, series event.UUID) (Table, error) {
	channels, err := r.Channels(ctx, id, series)
	if err != nil {
		return Table{}, err
	}
	t := Table{Name: "readings", Head: [][2]string{{"segment", "段号"}, {"row", "行号"}, {"time", "时间"}, {"command", "命令编号"}}}
	for _, c := range channels {
		name := c.Name
		if c.Unit != "" {
			name += " (" + c.Unit + ")"
		}
		// A head is a cell like any other: a channel may be named by whoever seals it.
		name = Defuse(name)
		t.Head = append(t.Head, [2]string{name, name}, [2]string{Defuse(c.Name + " note"), Defuse(c.Name + " 说明")})
	}
	t.Rows = func(yield func([]Cell, error) bool) {
		err := r.Rows(ctx, id, series, func(row chart.Row) error {
			if !yield(readingRow(row), nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
	return t, nil
}

func readingRow(row chart.Row) []Cell {
	cells := []Cell{whole(row.Segment), whole(row.N), {}, text(row.Command)}
	if row.Timed {
		form := "2006-01-02T15:04:05.000"
		if row.Zoned {
			form += "Z"
		}
		cells[2] = text(time.UnixMilli(row.At).UTC().Format(form))
	}
	if row.Broken {
		return append(cells, Cell{}, text("broken frame"))
	}
	if !row.Figures {
		return cells
	}
	for _, v := range row.Values {
		value, note := Cell{}, ""
		switch v.State {
		case custody.ValueFigure:
			value = Cell{written(v).String(), true}
		case custody.ValueFault:
			note = "no measurement"
		case custody.ValueWide:
			note = "too wide to be shown"
		}
		if v.Over {
			note = "over range"
		}
		if v.Flag != 0 {
			note += " flag " + string(rune(v.Flag))
		}
		cells = append(cells, value, text(note))
	}
	return cells
}

// written is a figure with the places that were written.
func written(v custody.Value) decimal.Decimal {
	d := decimal.Decimal{N: v.N, S: custody.ReadingScale}
	if r, exact, err := d.Round(v.Scale); err == nil && exact {
		return r
	}
	return d.Normal()
}
