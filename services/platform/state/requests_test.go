package state

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	"kompass.krz.de/services/platform/ledger"
)

func TestRequestsAreRememberedForADay(t *testing.T) {
	t.Parallel()
	m := newRequestMemory()
	add := func(id string, after time.Duration, digest ...byte) {
		m.add([]ledger.Entry{{Visible: 7, Record: &ledgerv1.Record{
			RequestId: id, RequestDigest: digest, Time: timestamppb.New(time.Unix(1000, 0).Add(after)),
		}}})
	}
	known := func(id string) bool { _, ok := m.find(id); return ok }
	add("first", 0, 1)
	add("trace id, not chosen by a client", 0)
	add("second", RequestMemory, 1)
	if !known("first") || !known("second") || known("trace id, not chosen by a client") {
		t.Errorf("after exactly a day: first %v, second %v", known("first"), known("second"))
	}
	add("third", RequestMemory+time.Second, 1)
	if known("first") || !known("second") {
		t.Errorf("a second later: first %v, second %v", known("first"), known("second"))
	}
	for i := range 5000 {
		add(fmt.Sprint(i), 2*RequestMemory+time.Duration(i)*time.Minute, 1)
	}
	if day := int(RequestMemory / time.Minute); len(m.known) != day+1 || len(m.order) > 3*day {
		t.Errorf("%d requests remembered in a list of %d, want those of a day", len(m.known), len(m.order))
	}
}
