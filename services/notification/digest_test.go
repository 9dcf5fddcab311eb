package notification

import (
	"archive/zip"
	"bytes"
	"io"
	"math/rand/v2"
	netmail "net/mail"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

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

// TestDueTimes: in every time zone each local day that there is has one due time, at seven, and each week one on its Monday; also
// where clocks are put forward and back, and where a day was left out.
func TestDueTimes(t *testing.T) {
	t.Parallel()
	for _, zone := range allZones(t) {
		for _, year := range []int{2011, 2026} { // in 2011 Samoa left a day out
			start, end := time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(year+1, 2, 1, 0, 0, 0, 0, time.UTC)
			var days, dues, mondays, weeks []string
			var day, week time.Time
			var date int
			for now := start; now.Before(end); now = now.Add(6 * time.Hour) {
				if local := now.In(zone); local.Hour() >= digestHour && local.Day() != date {
					date = local.Day()
					if days = append(days, local.Format(time.DateOnly)); local.Weekday() == time.Monday {
						mondays = append(mondays, days[len(days)-1])
					}
				}
				if due := lastDue(daily, zone, now); !due.Equal(day) {
					if due.After(now) || due.Before(day) || now.Sub(due) > 49*time.Hour || due.Hour() != digestHour || due.Minute() != 0 ||
						!lastDue(daily, zone, due).Equal(due) || !lastDue(daily, zone, due.Add(-1)).Before(due) {
						t.Fatalf("%s at %s: due %s after %s", zone, now, due, day)
					}
					day, dues = due, append(dues, due.Format(time.DateOnly))
				}
				if due := lastDue(weekly, zone, now); !due.Equal(week) {
					week, weeks = due, append(weeks, due.Format(time.DateOnly))
				}
			}
			if inside(dues, days) != inside(days, days) || inside(weeks, mondays) != inside(mondays, mondays) {
				t.Fatalf("%s: due on %v, days %v, Mondays %v", zone, inside(dues, days), inside(days, days), inside(weeks, mondays))
			}
		}
	}
}

// inside are the days of a list between the first and the last of another, as text.
func inside(list, bounds []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(list), func(day string) bool { return day < bounds[0] || day >= bounds[len(bounds)-1] }), " ")
}

// toSeven lets time pass until the next seven o'clock of a time zone.
func (m *mailed) toSeven(zone *time.Location) time.Time {
	now := time.Unix(0, m.clock.Load()).In(zone)
	seven := time.Date(now.Year(), now.Month(), now.Day(), digestHour, 0, 0, 0, zone)
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

// TestDigestsOnce: for a fortnight, with two processes, one of which ends at any moment, and a mail server that fails: all that happened is
// in one digest each, and no digest comes twice.
func TestDigestsOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	server := mailtest.Start(t, false)
	server.Accept = func(m mailtest.Mail) error {
		if bytes.Contains(m.Data, []byte("Alles")) && rand.IntN(3) == 0 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
		}
		return nil
	}
	m := st.serveMail(server)
	r := m.consenting("Amt", "amt@example.org")
	s := m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true, Frequency: daily})
	zone, _ := time.LoadLocation("Europe/Berlin")
	happened := 0
	for range 14 {
		for range rand.IntN(4) {
			happened++
			m.settle(st.happens(happening("e"+strconv.Itoa(happened)+"e", "solutions/a", st.now)))
		}
		seven := m.toSeven(zone)
		second := st.serveMail(server)
		second.clock.Store(m.clock.Load())
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		m.stop()
		m = second
		m.pass(claimTime + time.Second)
		m.digested(s, seven.Format(time.DateOnly))
	}
	seen, ids := map[string]int{}, map[string]int{}
	for _, letter := range m.letters("amt@example.org", 1)[1:] {
		if ids[letter.Header.Get("Message-ID")]++; ids[letter.Header.Get("Message-ID")] > 1 {
			continue // the process ended before it could note the first
		}
		body := bodyOf(t, letter)
		text, _, _ := strings.Cut(body, "text/html")
		for i := range happened {
			seen[strconv.Itoa(i+1)] += strings.Count(text, "bersicht e"+strconv.Itoa(i+1)+"e")
		}
	}
	for i := range happened {
		if n := seen[strconv.Itoa(i+1)]; n != 1 {
			t.Errorf("event %d of %d is in %d digests", i+1, happened, n)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}
