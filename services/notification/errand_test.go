package notification

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/mail/mailtest"
	"kompass.krz.de/services/notification/webhook"
)

// TestClaims: the last note alone says whether a message may be sent, by whom and when.
func TestClaims(t *testing.T) {
	t.Parallel()
	const deadTime = 90 * time.Second
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	begun := now.Add(-deadTime)
	note := func(state notificationv1.MailNote_State, period string, at, next time.Duration) *notificationv1.MailNote {
		n := &notificationv1.MailNote{State: state, Period: period, Attempt: 3, Time: timestamppb.New(now.Add(at)), FirstTime: timestamppb.New(now.Add(-time.Hour))}
		if next != 0 {
			n.NextTime = timestamppb.New(now.Add(next))
		}
		return n
	}
	const sending, waiting = notificationv1.MailNote_STATE_SENDING, notificationv1.MailNote_STATE_WAITING
	for name, c := range map[string]struct {
		last    *notificationv1.MailNote
		period  string
		attempt int32         // 0: not now
		again   time.Duration // 0: never
	}{
		"never tried":                {nil, "", 1, 0},
		"somebody is sending":        {note(sending, "", -time.Minute, 0), "", 0, time.Minute},
		"who was sending has died":   {note(sending, "", -claimTime, 0), "", 3, 0},
		"and is known to be dead":    {note(sending, "", -deadTime-1, 0), "", 3, 0},
		"waits":                      {note(waiting, "", -time.Minute, time.Minute), "", 0, time.Minute},
		"has waited":                 {note(waiting, "", -time.Minute, -1), "", 4, 0},
		"delivered":                  {note(notificationv1.MailNote_STATE_DELIVERED, "", -time.Minute, 0), "", 0, 0},
		"given up":                   {note(notificationv1.MailNote_STATE_FAILED, "", -time.Minute, 0), "", 0, 0},
		"nothing to say":             {note(notificationv1.MailNote_STATE_NOTHING, "", -time.Minute, 0), "", 0, 0},
		"a new digest":               {note(notificationv1.MailNote_STATE_DELIVERED, "2026-11-22", -time.Minute, 0), "2026-11-23", 1, 0},
		"an old one waits":           {note(waiting, "2026-11-22", -time.Minute, time.Hour), "2026-11-23", 1, 0},
		"an old one is being sent":   {note(sending, "2026-11-22", -time.Minute, 0), "2026-11-23", 0, time.Minute},
		"a later one was there":      {note(waiting, "2026-11-24", -time.Minute, -1), "2026-11-23", 0, 0},
		"the same one was delivered": {note(notificationv1.MailNote_STATE_DELIVERED, "2026-11-23", -time.Minute, 0), "2026-11-23", 0, 0},
	} {
		claim, again := (&errand{period: c.period}).claim(c.last, now, begun)
		switch {
		case claim.GetAttempt() != c.attempt:
			t.Errorf("%s: %v", name, claim)
		case claim != nil && (claim.GetState() != sending || !claim.GetTime().AsTime().Equal(now) || claim.GetNextTime() != nil || claim.GetPeriod() != c.period):
			t.Errorf("%s: the claim is %v", name, claim)
		case claim == nil && c.again == 0 && !again.IsZero(), claim == nil && c.again != 0 && !again.Equal(now.Add(c.again)):
			t.Errorf("%s: again at %v", name, again)
		}
	}
}

// TestMailGivenUp: a server that is never there costs three days of attempts, further and further apart.
func TestMailGivenUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	begun, e := now, &errand{}
	var last *notificationv1.MailNote
	for attempt := int32(1); ; attempt++ {
		claim, _ := e.claim(last, now, time.Time{})
		if claim.GetAttempt() != attempt || attempt > 100 {
			t.Fatalf("attempt %d: %v", attempt, claim)
		}
		last = outcome(claim, mail.Result{Outcome: mail.Later, Class: mail.ClassConnection}, now)
		if last.GetState() == notificationv1.MailNote_STATE_FAILED {
			break
		}
		next := last.GetNextTime().AsTime()
		if !next.After(now) {
			t.Fatalf("attempt %d at %v, the next at %v", attempt, now, next)
		}
		now = next
	}
	if lasted := now.Sub(begun); lasted < webhook.Persistence || lasted > webhook.Persistence+9*time.Hour || last.GetFailure() != mail.ClassConnection {
		t.Errorf("given up after %v: %v", lasted, last)
	}
}

// TestLostAddresses: an address that no recipient has is swept, one that somebody has is not; and who lost it hears nothing more.
func TestLostAddresses(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	r := m.consenting("Amt", "amt@example.org")
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true})
	stored, err := m.client.GetRecipient(t.Context(), &notificationv1.GetRecipientRequest{Name: r.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := m.service.vault.put(t.Context(), addressKind, []byte("niemand@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	has := func(id string) bool {
		_, err := m.service.vault.get(context.Background(), id)
		return !errors.Is(err, errNoSecret)
	}
	for _, c := range []struct {
		after  time.Duration
		orphan bool
	}{{0, true}, {orphanAge + time.Minute, false}} {
		m.pass(c.after)
		if err := m.service.sweepAddresses(t.Context()); err != nil || has(orphan) != c.orphan || !has(stored.GetMailId()) {
			t.Errorf("after %v: orphan %v, the other %v: %v", c.after, has(orphan), has(stored.GetMailId()), err)
		}
	}
	if err := m.service.vault.erase(t.Context(), stored.GetMailId()); err != nil {
		t.Fatal(err)
	}
	st.happens(happening("1", "solutions/a", st.now))
	for limit := time.Now().Add(10 * time.Second); m.stateOf(r.GetName()) != paused; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("mail stands at %v", m.stateOf(r.GetName()))
		}
	}
}
