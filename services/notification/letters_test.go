package notification

import (
	"context"
	"testing"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail/mailtest"
	"kompass.krz.de/services/platform/journal"
)

// TestTakeWhileStopping: matches that come while the process stops, without a state to look at, are left to the next start.
func TestTakeWhileStopping(t *testing.T) {
	t.Parallel()
	m := newStage(t).serveMail(mailtest.Start(t, false))
	match, err := matchMessage("kompass.test.matches.matcher.match", &notificationv1.Match{Event: 2, Hits: []*notificationv1.Hit{{Recipient: "recipients/amt"}}}, reached{event: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.service.post.take(ctx, []journal.Message{match})
	if n := m.service.post.errands.len(); n != 0 {
		t.Errorf("%d errands", n)
	}
}
