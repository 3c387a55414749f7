package plan

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseKeepReadsWhatPeopleWrite(t *testing.T) {
	cases := map[string]Keep{
		"24":                       {Last: 24},
		"last=24":                  {Last: 24},
		"daily=7,last=24":          {Last: 24, Daily: 7},
		"last=24,daily=7,weekly=4": DefaultKeep(),
		"last=1,hourly=2,daily=3,weekly=4,monthly=9999": {Last: 1, Hourly: 2, Daily: 3, Weekly: 4, Monthly: 9999},
	}
	for text, want := range cases {
		if got, err := ParseKeep(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestParseKeepSaysWhatIsWrong(t *testing.T) {
	cases := map[string]string{
		"":               `parse keep: empty; give a number or last=24,daily=7`,
		"last":           `parse keep "last": last: "last" is not a number from 1 to 9999`,
		"0":              `parse keep "0": last: "0" is not a number from 1 to 9999`,
		"010":            `parse keep "010": last: "010" is not a number from 1 to 9999`,
		"+5":             `parse keep "+5": last: "+5" is not a number from 1 to 9999`,
		"daily=-1":       `parse keep "daily=-1": daily: "-1" is not a number from 1 to 9999`,
		"daily=10000":    `parse keep "daily=10000": daily: "10000" is not a number from 1 to 9999`,
		"daily=":         `parse keep "daily=": daily: "" is not a number from 1 to 9999`,
		"yearly=1":       `parse keep "yearly=1": "yearly" is none of last, hourly, daily, weekly, monthly`,
		"24,last=3":      `parse keep "24,last=3": last is given twice`,
		"last=24,":       `parse keep "last=24,": last: "" is not a number from 1 to 9999`,
		"last=24, daily": `parse keep "last=24, daily": last: " daily" is not a number from 1 to 9999`,
	}
	for text, want := range cases {
		if got, err := ParseKeep(text); err == nil || err.Error() != want || got != (Keep{}) {
			t.Errorf("%q: got %+v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseKeepReadsWhatStringWrites(t *testing.T) {
	count := rapid.IntRange(0, mostKept)
	rapid.Check(t, func(rt *rapid.T) {
		k := Keep{
			Last: count.Draw(rt, "last"), Hourly: count.Draw(rt, "hourly"), Daily: count.Draw(rt, "daily"),
			Weekly: count.Draw(rt, "weekly"), Monthly: count.Draw(rt, "monthly"),
		}
		if got, err := ParseKeep(k.String()); k != (Keep{}) && (err != nil || got != k) {
			rt.Errorf("%v: got %v, %v", k, got, err)
		}
	})
}

func FuzzParseKeep(f *testing.F) {
	f.Add("24")
	f.Add("last=24,hourly=24,daily=7,weekly=4,monthly=12")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKeep(text)
		if err != nil {
			return
		}
		if again, err := ParseKeep(k.String()); err != nil || again != k {
			t.Errorf("%q is %v, which is %v, %v", text, k, again, err)
		}
	})
}
