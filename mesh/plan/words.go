package plan

import (
	"fmt"
	"time"
)

// Words writes d in at most two units, "3h12m", "2m04s", "30d", whole seconds
// at the least; a negative d is "0s".
func Words(d time.Duration) string {
	d = max(0, d)
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for i, u := range units[:3] {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.size, u.name)
		if next := units[i+1]; d%u.size >= next.size {
			text += fmt.Sprintf("%02d%s", d%u.size/next.size, next.name)
		}
		return text
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
