package stream

import "math"

// room says whether a feed may take one more chunk.
type room struct {
	free bool
	held bool   // the last session alone is why not, while another one waits
	last *queue // the session that is furthest back
}

// room looks at all sessions that follow.
func (f *Feed) room() room {
	queues := f.followers()
	if len(queues) == 0 {
		return room{}
	}
	all := make([]standing, len(queues))
	for i, q := range queues {
		all[i] = q.standing()
	}
	lead, last := ends(all)
	r := room{last: queues[last]}
	bytes, chunks := r.last.kept(all[lead].first)
	full := bytes >= f.spool || chunks >= spoolChunks
	if bytes < f.spool/2 {
		f.waited = 0 // it has caught up
	}
	r.free = !full && f.packer.admits(all[lead].waiting)
	r.held = full && all[lead].waiting == 0
	return r
}

// ends returns which session the target of which has taken most, and which
// least.
func ends(all []standing) (lead, last int) {
	for i, s := range all {
		if s.first > all[lead].first || s.first == all[lead].first && s.sent > all[lead].sent {
			lead = i
		}
		if s.first < all[last].first {
			last = i
		}
	}
	return lead, last
}

// backlog is what the compression follows: the slowest session. The feed cannot
// be faster than that one for longer than the spool lasts, so its line is the
// one that a smaller chunk helps; a session that fell behind does not count.
func (f *Feed) backlog() backlog {
	slowest, most := backlog{}, math.MinInt
	for _, q := range f.followers() {
		if s := q.standing(); s.ready > most {
			slowest, most = s.backlog(), s.ready
		}
	}
	return slowest
}

// backlog counts lanes as if there were two: it is how busy they are that
// matters. Before there is any, none waits.
func (s standing) backlog() backlog {
	if s.lanes == 0 {
		return backlog{ahead: s.ready + usualLanes}
	}
	busy := s.lanes - s.hungry
	return backlog{ahead: s.ready + busy*usualLanes/s.lanes, idle: busy == 0}
}
