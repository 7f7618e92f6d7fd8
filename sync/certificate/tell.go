package certificate

import "fieldseal/sync/custody"

const (
	// mentionsAll is how many steps that only mention an item are all told; a day of
	// air readings has 1,440 of them, one for each sealed minute.
	mentionsAll = 40
	// mentionsKept are told from either end where there are more.
	mentionsKept = 10
)

// Told is a step as it is told to a reader, or how many there are in its place that
// only mention the item and are not told one by one.
type Told struct {
	Step    *custody.Step
	Skipped int
}

// Tell gives an item's steps for a reader: all that happened to it, and of the steps
// that only mention it the first and the last where there are very many.
func Tell(steps []custody.Step) (list []Told) {
	mentions, n := 0, 0
	for i := range steps {
		if steps[i].Kind == custody.StepMentioned {
			mentions++
		}
	}
	for i := range steps {
		if steps[i].Kind == custody.StepMentioned && mentions > mentionsAll {
			if n++; n > mentionsKept && n <= mentions-mentionsKept {
				if last := len(list) - 1; last < 0 || list[last].Step != nil {
					list = append(list, Told{})
				}
				list[len(list)-1].Skipped++
				continue
			}
		}
		list = append(list, Told{Step: &steps[i]})
	}
	return list
}
