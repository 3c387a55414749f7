package receive

import "time"

// progressEvery is the least time between two reports of progress.
const progressEvery = 100 * time.Millisecond

// meter thins reports of progress out.
type meter struct {
	report func(int64)
	next   time.Time
}

func (m *meter) at(applied int64) {
	if m.report == nil {
		return
	}
	if now := time.Now(); !now.Before(m.next) {
		m.next = now.Add(progressEvery)
		m.report(applied)
	}
}
