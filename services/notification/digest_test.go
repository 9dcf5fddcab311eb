package notification

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	netmail "net/mail"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail/mailtest"
)

const (
	daily  = notificationv1.Subscription_FREQUENCY_DAILY
	weekly = notificationv1.Subscription_FREQUENCY_WEEKLY
)

// allZones are the time zones that Go comes with.
func allZones(t *testing.T) (zones []*time.Location) {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // that of this toolchain is meant
	if err != nil {
		t.Skip(err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		if zone, err := time.LoadLocation(strings.TrimSuffix(f.Name, "/")); err == nil && !f.FileInfo().IsDir() {
			zones = append(zones, zone)
		}
	}
	if len(zones) < 400 {
		t.Fatalf("%d zones", len(zones))
	}
	return zones
}

// TestDueTimes: in every time zone each local day has one due time, also where clocks are put forward and back over it, at
// midnight, and where a day was left out; each week has one, on its Monday.
func TestDueTimes(t *testing.T) {
	t.Parallel()
	const around = 60 * time.Hour
	checked := map[string]bool{} // many zones have the same clocks
	for _, zone := range allZones(t) {
		for _, year := range []int{2011, 2026} { // in 2011 Samoa left a day out
			for at := time.Date(year, 1, 15, 0, 0, 0, 0, time.UTC); at.Year() == year; {
				if change := at.Add(-1).In(zone).Format(time.RFC3339) + at.In(zone).Format(time.RFC3339); !checked[change] {
					checked[change] = true
					for _, clock := range []string{"", "00:00", "00:30", "02:30", "23:59"} {
						checkDues(t, zone, at.Add(-around), at.Add(around), &notificationv1.Subscription{Frequency: daily, DigestTime: clock})
					}
					checkDues(t, zone, at.AddDate(0, 0, -10), at.AddDate(0, 0, 20), &notificationv1.Subscription{Frequency: weekly, DigestTime: "00:30"})
				}
				if _, at = at.In(zone).ZoneBounds(); at.IsZero() {
					break
				}
			}
		}
	}
}

// checkDues compares the due times between two moments with the days that a clock in the time zone shows.
func checkDues(t *testing.T, zone *time.Location, from, to time.Time, s *notificationv1.Subscription) {
	t.Helper()
	var days, dues []string
	clock, last := cmp.Or(s.GetDigestTime(), "07:00"), time.Time{}
	note := func(list []string, at time.Time) []string {
		if day := at.Format(time.DateOnly); !slices.Contains(list, day) && (s.GetFrequency() == daily || at.Weekday() == time.Monday) {
			list = append(list, day)
		}
		return list
	}
	for now := from; now.Before(to); now = now.Add(30 * time.Minute) {
		days = note(days, now.In(zone))
		due := lastDue(s, zone, now)
		switch shown := due.In(zone).Format(clockTime); {
		case due.After(now), due.Before(last), !lastDue(s, zone, due).Equal(due), lastDue(s, zone, due.Add(-1)).Equal(due),
			shown != clock && exists(due, clock):
			t.Fatalf("%s at %s: due %s after %s, want %s", zone, now.In(zone), due, last, clock)
		case !due.Equal(last):
			if dues, last = append(dues, due.Format(time.DateOnly)), due; len(dues) > 1 && dues[len(dues)-2] >= dues[len(dues)-1] {
				t.Fatalf("%s: due twice: %v", zone, dues)
			}
		}
	}
	if len(dues) < 3 || inside(dues, days) != inside(days, dues) {
		t.Fatalf("%s %s: due on %v, days %v", zone, clock, dues, days)
	}
}

// exists tells whether a clock shows a time on the local day of a moment.
func exists(on time.Time, clock string) bool {
	for at := on.Add(-26 * time.Hour); at.Before(on.Add(26 * time.Hour)); at = at.Add(time.Minute) {
		if at.Format(clockTime) == clock && at.Day() == on.Day() {
			return true
		}
	}
	return false
}

// inside are the days of a list that lie inside another as well, as text.
func inside(list, other []string) string {
	first, last := max(list[0], other[0]), min(list[len(list)-1], other[len(other)-1])
	return strings.Join(slices.DeleteFunc(slices.Clone(list), func(day string) bool { return day <= first || day >= last }), " ")
}

// toSeven lets time pass until the next seven o'clock of a time zone.
func (m *mailed) toSeven(zone *time.Location) time.Time {
	now := time.Unix(0, m.clock.Load()).In(zone)
	seven := time.Date(now.Year(), now.Month(), now.Day(), 7, 0, 0, 0, zone)
	for !seven.After(now) {
		seven = seven.AddDate(0, 0, 1)
	}
	m.clock.Store(seven.UnixNano())
	return seven
}

// digested waits until the digest of a day is settled and answers its note.
func (m *mailed) digested(s *notificationv1.Subscription, period string) *notificationv1.MailNote {
	m.tb.Helper()
	subject, _ := m.service.post.notes.Subject(tokenDigest, idIn(s.GetName()))
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		note, _, err := m.service.post.lastNote(m.tb.Context(), subject)
		if err != nil {
			m.tb.Fatal(err)
		}
		switch note.GetState() {
		case notificationv1.MailNote_STATE_DELIVERED, notificationv1.MailNote_STATE_NOTHING:
			if note.GetPeriod() == period {
				return note
			}
		case notificationv1.MailNote_STATE_SENDING:
			m.pass(time.Second)
		case notificationv1.MailNote_STATE_WAITING:
			m.pass(time.Minute)
		}
		if time.Now().After(limit) {
			m.tb.Fatalf("the digest of %s is %v; log: %s", period, note, m.log.String())
		}
	}
}

func bodyOf(tb testing.TB, letter *netmail.Message) string {
	tb.Helper()
	body, err := io.ReadAll(letter.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.ReplaceAll(string(body), "=\r\n", "")
}

// TestDigest: at seven comes what happened since the last digest, once; nothing when nothing happened, and nothing of what was mailed
// at once.
func TestDigest(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(solutionChange("a", 1))
	m := st.serveMail(mailtest.Start(t, false))
	zone, _ := time.LoadLocation("Asia/Tokyo")
	r := m.recipient(&notificationv1.Recipient{DisplayName: "Amt", MailAddress: "amt@example.org", TimeZone: zone.String(), Language: notificationv1.Recipient_LANGUAGE_EN})
	r = m.confirm(r, tokenOf(t, m.letters("amt@example.org", 1)[0]))
	all := m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true, Frequency: daily})
	m.subscribe(&notificationv1.Subscription{DisplayName: "A", Recipient: r.GetName(), Mail: true, Topics: []string{"solutions/a"}})
	m.settle(st.happens(happening("1", "solutions/a", st.now), happening("2", "solutions/b", st.now), happening("3", "solutions/c", st.now)))
	if at := m.letters("amt@example.org", 2)[1].Header.Get("Message-ID"); at != "<test.elsewhere.1.amt@krz.example>" {
		t.Fatalf("at once comes %s", at)
	}
	day := m.toSeven(zone)
	if note := m.digested(all, day.Format(time.DateOnly)); note.GetState() != notificationv1.MailNote_STATE_DELIVERED || note.GetAttempt() != 1 {
		t.Errorf("noted: %v", note)
	}
	digest := m.letters("amt@example.org", 3)[2]
	body := bodyOf(t, digest)
	if digest.Header.Get("Subject") != "Alles: 2 changes" || digest.Header.Get("Message-ID") != "<digest."+day.Format(time.DateOnly)+".alles.amt@krz.example>" ||
		strings.Contains(body, "Summary 1") || !strings.Contains(body, "Summary 2") || !strings.Contains(body, "Summary 3") || digest.Header.Get("List-Unsubscribe-Post") == "" {
		t.Errorf("the digest: %v %s", digest.Header, body)
	}
	if note := m.digested(all, m.toSeven(zone).Format(time.DateOnly)); note.GetState() != notificationv1.MailNote_STATE_NOTHING {
		t.Errorf("when nothing happened: %v", note)
	}
	m.settle(st.happens(happening("4", "solutions/b", st.now)))
	m.digested(all, m.toSeven(zone).Format(time.DateOnly))
	if letters := m.letters("amt@example.org", 4); len(letters) != 4 || !strings.Contains(bodyOf(t, letters[3]), "Summary 4") {
		t.Errorf("%d messages", len(letters))
	}
}

// TestDigestTellsOnce: what happens to one thing again and again is one item of a digest, which says how often; other things stand
// beside it, in the order of what happened last.
func TestDigestTellsOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	r := m.consenting("Amt", "amt@example.org")
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true, Frequency: daily})
	events := []*notificationv1.Event{happening("a1", "solutions/a", st.now), happening("b1", "solutions/b", st.now)}
	for i := range 40 {
		events = append(events, happening("a"+strconv.Itoa(i+2), "solutions/a", st.now))
	}
	m.settle(st.happens(append(events, happening("c1", "solutions/c", st.now))...))
	zone, _ := time.LoadLocation("Europe/Berlin")
	m.toSeven(zone)
	digest := m.letters("amt@example.org", 2)[1]
	text, _, _ := strings.Cut(bodyOf(t, digest), "text/html")
	b, a, c := strings.Index(text, "bersicht b1"), strings.Index(text, "bersicht a41"), strings.Index(text, "bersicht c1")
	if strings.Count(text, "bersicht") != 3 || b < 0 || a < b || c < a || !strings.Contains(text[a:c], "41-mal") || strings.Contains(text[:a], "-mal") {
		t.Errorf("the digest: %s", text)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(digest.Header.Get("Subject"))
	if err != nil || subject != "Alles: 43 Änderungen" {
		t.Errorf("subject %q, %v", subject, err)
	}
}

// TestNoDigestBefore: a subscription has no digest of a morning before it was there, and loses nothing of what came since.
func TestNoDigestBefore(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	r := m.consenting("Amt", "amt@example.org")
	s := m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true, Frequency: weekly})
	m.settle(st.happens(happening("1", "solutions/a", st.now)))
	time.Sleep(200 * time.Millisecond)
	subject, _ := m.service.post.notes.Subject(tokenDigest, idIn(s.GetName()))
	if note, _, err := m.service.post.lastNote(t.Context(), subject); note != nil || err != nil {
		t.Fatalf("a digest at once: %v %v", note, err)
	}
	zone, _ := time.LoadLocation("Europe/Berlin")
	for m.toSeven(zone).Weekday() != time.Monday {
	}
	m.digested(s, time.Unix(0, m.clock.Load()).In(zone).Format(time.DateOnly))
	if letters := m.letters("amt@example.org", 2); len(letters) != 2 || !strings.Contains(bodyOf(t, letters[1]), "1") {
		t.Errorf("%d messages", len(letters))
	}
}

// change changes fields of a subscription.
func (m *mailed) change(s *notificationv1.Subscription, paths ...string) {
	m.tb.Helper()
	_, err := m.client.UpdateSubscription(keyed(m.tb), &notificationv1.UpdateSubscriptionRequest{Subscription: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	if err != nil {
		m.tb.Fatal(err)
	}
}

// TestDigestTimeMoves: a digest comes at the time that its subscription names; whenever that is changed there is one a local day at most, and
// what happened is in one of them.
func TestDigestTimeMoves(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	zone, _ := time.LoadLocation(fmt.Sprintf("Etc/GMT%+d", st.now.UTC().Hour()-12)) // it is between twelve and one
	r := m.recipient(&notificationv1.Recipient{DisplayName: "Amt", MailAddress: "amt@example.org", TimeZone: zone.String()})
	m.confirm(r, tokenOf(t, m.letters("amt@example.org", 1)[0]))
	s := m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true, Frequency: daily, DigestTime: "10:00"})
	day := time.Unix(0, m.clock.Load()).In(zone)
	happened := 0
	for i, step := range []struct {
		days    int // after today
		clock   string
		move    string // there: change the digest time
		digests int    // so many there have been, after that
	}{
		{0, "13:00", "", 0},
		{0, "14:00", "16:00", 0}, // before the first: nothing is lost
		{0, "15:59", "", 0},
		{0, "16:00", "", 1},
		{0, "17:00", "20:00", 1}, // later, after today's
		{0, "20:00", "", 1},
		{1, "20:00", "", 2},
		{1, "21:00", "06:30", 2}, // earlier, after today's
		{2, "06:29", "", 2},
		{2, "06:29", "18:00", 2}, // later, just before it
		{2, "06:30", "", 2},
		{2, "12:00", "11:00", 3}, // earlier, to what has passed: at once
		{2, "18:00", "", 3},
		{3, "11:00", "", 4},
	} {
		at, _ := time.Parse(clockTime, step.clock)
		m.clock.Store(time.Date(day.Year(), day.Month(), day.Day()+step.days, at.Hour(), at.Minute(), 0, 0, zone).UnixNano())
		if step.move != "" {
			s.DigestTime, s.Etag = step.move, ""
			m.change(s, "digest_time")
		}
		m.letters("amt@example.org", 1+step.digests)
		time.Sleep(100 * time.Millisecond)
		if n := len(m.letters("amt@example.org", 0)) - 1; n != step.digests {
			t.Fatalf("step %d: %d digests, want %d", i, n, step.digests)
		}
		happened++
		m.settle(st.happens(happening("e"+strconv.Itoa(happened)+"e", "solutions/e"+strconv.Itoa(happened), st.now)))
	}
	m.onceEach("amt@example.org", happened-1) // the last is for the next digest
}

// onceEach expects that each of so many events is in one digest to an address, of which none comes twice.
func (m *mailed) onceEach(to string, happened int) {
	m.tb.Helper()
	seen, ids := map[string]int{}, map[string]int{}
	for _, letter := range m.letters(to, 1)[1:] {
		ids[letter.Header.Get("Message-ID")]++
		text, _, _ := strings.Cut(bodyOf(m.tb, letter), "text/html")
		for i := range happened {
			seen[strconv.Itoa(i+1)] += strings.Count(text, "bersicht e"+strconv.Itoa(i+1)+"e")
		}
	}
	for i := range happened {
		if n := seen[strconv.Itoa(i+1)]; n != 1 {
			m.tb.Errorf("event %d of %d is in %d digests", i+1, happened, n)
		}
	}
	for id, n := range ids {
		if n > 1 {
			m.tb.Errorf("%s came %d times", id, n)
		}
	}
}

// TestDigestsBegin: what happened while a subscription did not collect is in no digest, and what it told at once neither; other changes
// begin nothing anew.
func TestDigestsBegin(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	one := func(recipient string, frequency notificationv1.Subscription_Frequency, mail, disabled bool) *notificationv1.Subscription {
		return &notificationv1.Subscription{Name: "subscriptions/s", Recipient: recipient, Frequency: frequency, Mail: mail, Disabled: disabled}
	}
	collecting := one("recipients/a", daily, true, false)
	for name, c := range map[string]struct {
		before, after *notificationv1.Subscription
		want          time.Time
	}{
		"new":               {nil, collecting, at},
		"another name":      {collecting, collecting, at.Add(-time.Hour)},
		"weekly":            {collecting, one("recipients/a", weekly, true, false), at.Add(-time.Hour)},
		"another recipient": {collecting, one("recipients/b", daily, true, false), at},
		"was off":           {one("recipients/a", daily, true, true), collecting, at},
		"was at once":       {one("recipients/a", 0, true, false), collecting, at},
		"had no mail":       {one("recipients/a", daily, false, false), collecting, at},
		"goes off":          {collecting, one("recipients/a", daily, true, true), time.Time{}},
		"goes":              {collecting, nil, time.Time{}},
	} {
		w := emptyWorld()
		edit := w.collecting.Edit()
		if isDigest(c.before) {
			edit.Set("subscriptions/s", at.Add(-time.Hour))
		}
		collects(edit, c.before, c.after, at)
		if got, _ := edit.Get("subscriptions/s"); !got.Equal(c.want) {
			t.Errorf("%s: since %v, want %v", name, got, c.want)
		}
	}
}

// TestDigestsOnce: for a fortnight, with two processes, one of which ends at any moment, and a mail server that fails: all that happened is
// in one digest each, however many subscriptions of the recipient find it, and no digest comes twice.
func TestDigestsOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	server := mailtest.Start(t, false)
	server.Accept = func(m mailtest.Mail) error {
		if bytes.Contains(m.Data, []byte("nderung")) && rand.IntN(3) == 0 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
		}
		return nil
	}
	m := st.serveMail(server)
	r := m.consenting("Amt", "amt@example.org")
	var subscriptions []*notificationv1.Subscription
	for name, frequency := range map[string]notificationv1.Subscription_Frequency{"Alles": daily, "Auch": daily, "Woche": weekly} {
		subscriptions = append(subscriptions, m.subscribe(&notificationv1.Subscription{DisplayName: name, Recipient: r.GetName(), Mail: true, Frequency: frequency}))
	}
	zone, _ := time.LoadLocation("Europe/Berlin")
	happened := 0
	for range 14 {
		for range rand.IntN(4) {
			happened++
			m.settle(st.happens(happening("e"+strconv.Itoa(happened)+"e", "solutions/e"+strconv.Itoa(happened), st.now)))
		}
		seven := m.toSeven(zone)
		second := st.serveMail(server)
		second.clock.Store(m.clock.Load())
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		m.stop()
		m = second
		m.pass(claimTime + time.Second)
		for _, s := range subscriptions {
			if s.GetFrequency() == daily || seven.Weekday() == time.Monday {
				m.digested(s, seven.Format(time.DateOnly))
			}
		}
	}
	m.onceEach("amt@example.org", happened)
}
