package notification

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

// directoryOf knows entities by their names.
func directoryOf(entities ...interface {
	proto.Message
	GetName() string
}) directory {
	var batch []ledger.Entry
	for _, e := range entities {
		batch = append(batch, ledger.Entry{Entity: e, Record: &ledgerv1.Record{Resource: e.GetName()}})
	}
	return emptyDirectory().applied(batch)
}

func TestTopics(t *testing.T) {
	t.Parallel()
	names := []string{
		"themes/bauen", "situations/hund", "ozgServices/10024", "procedures/p", "publicServices/99102013002000", buende, "dataCentres/krz", "portals/serviceportal",
		"providers/p", "solutions/s", "projects/p", "questions/q", "adoptions/a", "adoptionGroups/g", "contracts/c",
	}
	d := directoryOf(
		&cataloguev1.Theme{Name: names[0]}, &cataloguev1.Situation{Name: names[1]}, &cataloguev1.OzgService{Name: names[2]}, &cataloguev1.Procedure{Name: names[3]},
		&cataloguev1.PublicService{Name: names[4]}, &municipalityv1.Municipality{Name: names[5]}, &municipalityv1.DataCentre{Name: names[6]}, &municipalityv1.Portal{Name: names[7]},
		&marketplacev1.Provider{Name: names[8]}, &marketplacev1.Solution{Name: names[9]}, &marketplacev1.Project{Name: names[10]}, &marketplacev1.Question{Name: names[11]},
		&marketplacev1.Adoption{Name: names[12]}, &marketplacev1.AdoptionGroup{Name: names[13]}, &marketplacev1.Contract{Name: names[14]},
	)
	for _, name := range append(names, buende+"/plan", buende+"/findings", buende+"/implementations/99102013002000", "publicServices/99102013002000/relevance",
		"publicServices/99102013002000/succession", "ozgServices/10024/relevance") {
		if !d.isTopic(name) {
			t.Errorf("%s is refused", name)
		}
	}
	for _, name := range []string{
		"x/y", "kreise/05758000", "Municipalities/05758004", "findings/x", "themes/nope", "themes/bauen/plan", "themes/bauen/", "municipalities/99999999/plan", buende + "/implementations",
		buende + "/implementations/99102013002001", buende + "/plan/1", buende + "/report", "solutions/s/coverage", buende + "/implementations/99102013002000/x", "themes/", "themes", "",
	} {
		if d.isTopic(name) {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestTopicsAreThere: a topic that is not there is refused, with its place, also in a preview; one that is gone by now stays where it was.
func TestTopicsAreThere(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(themeChange("bauen", 1), themeChange("wohnen", 1))
	st.write(solutionChange("s", 1))
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	for name, c := range map[string]struct {
		topics []string
		reason string
		fields string
	}{
		"nowhere":     {[]string{"themes/bauen", "themes/bau", "x/y"}, "UNKNOWN_REFERENCE", "subscription.topics[1] subscription.topics[2]"},
		"a revision":  {[]string{"catalogueRevisions/1"}, "INVALID_FIELD", "subscription.topics[0]"},
		"a webhook":   {[]string{"themes/bauen", "webhooks/w"}, "INVALID_FIELD", "subscription.topics[1]"},
		"a recipient": {[]string{r}, "INVALID_FIELD", "subscription.topics[0]"},
	} {
		for _, preview := range []bool{true, false} {
			_, err := s.client.CreateSubscription(keyed(t), &notificationv1.CreateSubscriptionRequest{
				Subscription: &notificationv1.Subscription{DisplayName: "S", Recipient: r, Topics: c.topics}, ValidateOnly: preview})
			reason, fields := blamed(t, err)
			for i, field := range fields {
				fields[i], _, _ = strings.Cut(field, ":")
			}
			if status.Code(err) != codes.InvalidArgument || reason != c.reason || strings.Join(fields, " ") != c.fields {
				t.Errorf("%s, preview %v: %v %s %v", name, preview, err, reason, fields)
			}
		}
	}
	sub := s.subscribe(&notificationv1.Subscription{DisplayName: "S", Recipient: r, Topics: []string{"themes/bauen", "themes/wohnen"}})
	st.write(change{"theme", []string{"bauen"}, "themes/bauen", nil, nil})
	update := func(sub *notificationv1.Subscription, paths ...string) (*notificationv1.Subscription, error) {
		sub.Recipient = r
		return s.client.UpdateSubscription(keyed(t), &notificationv1.UpdateSubscriptionRequest{Subscription: sub, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if w, err := s.service.replica.Read(); err == nil && !w.directory.isTopic("themes/bauen") {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the theme stays")
		}
	}
	if got, err := update(&notificationv1.Subscription{Name: sub.GetName(), Disabled: true}, "disabled"); err != nil || !got.GetDisabled() {
		t.Errorf("switched off: %v", err)
	}
	if got, err := update(&notificationv1.Subscription{Name: sub.GetName(), Topics: []string{"solutions/s", "themes/bauen"}}, "topics"); err != nil || !slices.Contains(got.GetTopics(), "themes/bauen") {
		t.Errorf("one more: %v", err)
	}
	_, err := update(&notificationv1.Subscription{Name: sub.GetName(), Topics: []string{"themes/bauen", "themes/wohne"}}, "topics")
	refused(t, "one that is not there", err, codes.InvalidArgument, "UNKNOWN_REFERENCE", "subscription.topics[1]")
}
