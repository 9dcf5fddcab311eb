package notification

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// blamed are the reason of an error and the fields that it blames: "subscription.topics: …".
func blamed(tb testing.TB, err error) (reason string, fields []string) {
	tb.Helper()
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	return reason, fields
}

// refused asserts that an error has a code, a reason, and blames that field alone ("" for none).
func refused(tb testing.TB, name string, err error, code codes.Code, reason, field string) {
	tb.Helper()
	got, fields := blamed(tb, err)
	if status.Code(err) != code || got != reason || field == "" && len(fields) != 0 || field != "" && (len(fields) != 1 || !strings.HasPrefix(fields[0], field+": ")) {
		tb.Errorf("%s: %v, %s, blames %q", name, status.Code(err), got, fields)
	}
}

// town is a service that knows Bünde, its Kreis and the theme "bauen".
func town(t *testing.T) *served {
	t.Helper()
	st := newStage(t)
	st.write(themeChange("bauen", 1))
	st.write(townChange("05758000", ""), townChange("05758004", "05758000"))
	return st.serve(time.Hour)
}

func TestRecipientIsRefused(t *testing.T) {
	t.Parallel()
	s := town(t)
	for _, c := range []struct {
		name          string
		r             *notificationv1.Recipient
		reason, field string
	}{
		{"no name", &notificationv1.Recipient{DisplayName: " "}, "INVALID_FIELD", "recipient.displayName"},
		{"a person", &notificationv1.Recipient{DisplayName: "a@b.de"}, "INVALID_FIELD", "recipient.displayName"},
		{"a person with a salutation", &notificationv1.Recipient{DisplayName: "Frau Dr. Muster"}, "INVALID_FIELD", "recipient.displayName"},
		{"a telephone", &notificationv1.Recipient{DisplayName: "Bauamt 05223 161-0"}, "INVALID_FIELD", "recipient.displayName"},
		{"two lines", &notificationv1.Recipient{DisplayName: "Amt\r\nX-Foo: bar"}, "INVALID_FIELD", "recipient.displayName"},
		{"unknown town", &notificationv1.Recipient{DisplayName: "A", Municipality: "municipalities/05999999"}, "UNKNOWN_REFERENCE", "recipient.municipality"},
		{"no town", &notificationv1.Recipient{DisplayName: "A", Municipality: "themes/bauen"}, "INVALID_FIELD", "recipient.municipality"},
		{"unknown theme", &notificationv1.Recipient{DisplayName: "A", Themes: []string{"themes/bauen", "themes/kochen"}}, "UNKNOWN_REFERENCE", "recipient.themes"},
		{"no time zone", &notificationv1.Recipient{DisplayName: "A", TimeZone: "Europe/Buende"}, "INVALID_FIELD", "recipient.timeZone"},
		{"the machine's time zone", &notificationv1.Recipient{DisplayName: "A", TimeZone: "Local"}, "INVALID_FIELD", "recipient.timeZone"},
		{"the machine's time zone by its file", &notificationv1.Recipient{DisplayName: "A", TimeZone: "localtime"}, "INVALID_FIELD", "recipient.timeZone"},
		{"the machine's rules", &notificationv1.Recipient{DisplayName: "A", TimeZone: "posixrules"}, "INVALID_FIELD", "recipient.timeZone"},
		{"a time zone with leap seconds", &notificationv1.Recipient{DisplayName: "A", TimeZone: "right/Europe/Berlin"}, "INVALID_FIELD", "recipient.timeZone"},
		{"a path as time zone", &notificationv1.Recipient{DisplayName: "A", TimeZone: "../../etc/passwd"}, "INVALID_FIELD", "recipient.timeZone"},
		{"no language", &notificationv1.Recipient{DisplayName: "A", Language: 7}, "INVALID_FIELD", "recipient.language"},
		{"an actor without a name", &notificationv1.Recipient{DisplayName: "A", Actors: []string{""}}, "INVALID_FIELD", "recipient.actors[0]"},
	} {
		_, err := s.client.CreateRecipient(keyed(t), &notificationv1.CreateRecipientRequest{Recipient: c.r, RecipientId: "r"})
		refused(t, c.name, err, codes.InvalidArgument, c.reason, c.field)
	}
	_, err := s.client.GetRecipient(t.Context(), &notificationv1.GetRecipientRequest{Name: "recipients/r"})
	refused(t, "after nothing was added", err, codes.NotFound, "RESOURCE_NOT_FOUND", "")
	if _, err := s.client.CreateRecipient(t.Context(), &notificationv1.CreateRecipientRequest{Recipient: &notificationv1.Recipient{DisplayName: "A"}}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a key: %v", err)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	s := town(t)
	want := &notificationv1.Recipient{DisplayName: "OZG-Fachbereich Bünde", Municipality: buende, Themes: []string{"themes/bauen"}, Language: notificationv1.Recipient_LANGUAGE_EN, TimeZone: "Europe/Lisbon", Actors: []string{"apikeys/x"}}
	r := s.recipient(want)
	if r.GetName() != "recipients/ozg-fachbereich-buende" || r.GetEtag() == "" || !r.GetUpdateTime().AsTime().Equal(s.now) {
		t.Errorf("added %v", r)
	}
	_, err := s.client.CreateRecipient(keyed(t), &notificationv1.CreateRecipientRequest{Recipient: want})
	refused(t, "twice", err, codes.AlreadyExists, "RESOURCE_ALREADY_EXISTS", "")
	previewed, err := s.client.CreateRecipient(keyed(t), &notificationv1.CreateRecipientRequest{Recipient: want, RecipientId: "x", ValidateOnly: true})
	if err != nil || previewed.GetName() != "recipients/x" || previewed.GetEtag() != "" {
		t.Errorf("only checked: %v, %v", previewed, err)
	}
	update := func(r *notificationv1.Recipient, paths ...string) (*notificationv1.Recipient, error) {
		return s.client.UpdateRecipient(keyed(t), &notificationv1.UpdateRecipientRequest{Recipient: r, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	changed, err := update(&notificationv1.Recipient{Name: r.GetName(), DisplayName: "Bünde", Etag: r.GetEtag()}, "display_name")
	if err != nil || changed.GetDisplayName() != "Bünde" || changed.GetTimeZone() != "Europe/Lisbon" || changed.GetEtag() == r.GetEtag() {
		t.Errorf("changed %v, %v", changed, err)
	}
	_, err = update(&notificationv1.Recipient{Name: r.GetName(), DisplayName: "B", Etag: r.GetEtag()}, "display_name")
	refused(t, "an old version", err, codes.Aborted, "ETAG_MISMATCH", "")
	_, err = update(&notificationv1.Recipient{Name: r.GetName()}, "display_name")
	refused(t, "without a name", err, codes.InvalidArgument, "INVALID_FIELD", "recipient.displayName")
	_, err = update(&notificationv1.Recipient{Name: "recipients/nobody", DisplayName: "B"}, "display_name")
	refused(t, "nobody", err, codes.NotFound, "RESOURCE_NOT_FOUND", "")
	_, err = update(&notificationv1.Recipient{Name: "webhooks/x", DisplayName: "B"}, "display_name")
	refused(t, "no recipient", err, codes.InvalidArgument, "INVALID_FIELD", "recipient.name")
	s.recipient(&notificationv1.Recipient{DisplayName: "Herford"})
	page, err := s.client.ListRecipients(t.Context(), &notificationv1.ListRecipientsRequest{Filter: `municipality="` + buende + `"`})
	if err != nil || page.GetTotalSize() != 1 || !proto.Equal(page.GetRecipients()[0], changed) {
		t.Errorf("listed %v, %v", page, err)
	}
}

func TestSubscriptionIsRefused(t *testing.T) {
	t.Parallel()
	s := town(t)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	const (
		myTown   = notificationv1.Subscription_PRESET_MY_MUNICIPALITY
		myThemes = notificationv1.Subscription_PRESET_MY_THEMES
	)
	for _, c := range []struct {
		name          string
		s             *notificationv1.Subscription
		reason, field string
	}{
		{"no name", &notificationv1.Subscription{Recipient: r}, "INVALID_FIELD", "subscription.displayName"},
		{"a person", &notificationv1.Subscription{DisplayName: "Herr Muster", Recipient: r}, "INVALID_FIELD", "subscription.displayName"},
		{"nobody", &notificationv1.Subscription{DisplayName: "S"}, "INVALID_FIELD", "subscription.recipient"},
		{"two", &notificationv1.Subscription{DisplayName: "S", Recipient: r, Webhook: "webhooks/w"}, "INVALID_FIELD", "subscription.recipient"},
		{"unknown recipient", &notificationv1.Subscription{DisplayName: "S", Recipient: "recipients/x"}, "UNKNOWN_REFERENCE", "subscription.recipient"},
		{"unknown webhook", &notificationv1.Subscription{DisplayName: "S", Webhook: "webhooks/x"}, "UNKNOWN_REFERENCE", "subscription.webhook"},
		{"no town of its own", &notificationv1.Subscription{DisplayName: "S", Recipient: r, Preset: myTown}, "INVALID_FIELD", "subscription.preset"},
		{"no themes of its own", &notificationv1.Subscription{DisplayName: "S", Recipient: r, Preset: myThemes}, "INVALID_FIELD", "subscription.preset"},
		{"no preset", &notificationv1.Subscription{DisplayName: "S", Recipient: r, Preset: 9}, "INVALID_FIELD", "subscription.preset"},
		{"no name of a resource", &notificationv1.Subscription{DisplayName: "S", Recipient: r, Topics: []string{"bauen"}}, "INVALID_FIELD", "subscription.topics[0]"},
		{"no kind", &notificationv1.Subscription{DisplayName: "S", Recipient: r, Kinds: []notificationv1.Event_Kind{0}}, "INVALID_FIELD", "subscription.kinds[0]"},
		{"an hour that is none", &notificationv1.Subscription{DisplayName: "S", Recipient: r, DigestTime: "24:00"}, "INVALID_FIELD", "subscription.digestTime"},
		{"no time of day", &notificationv1.Subscription{DisplayName: "S", Recipient: r, DigestTime: "7:30"}, "INVALID_FIELD", "subscription.digestTime"},
	} {
		_, err := s.client.CreateSubscription(keyed(t), &notificationv1.CreateSubscriptionRequest{Subscription: c.s, SubscriptionId: "s"})
		refused(t, c.name, err, codes.InvalidArgument, c.reason, c.field)
	}
}

// TestWebhookSubscriptionIsRefused: a webhook has no preset, no mail, and no rhythm.
func TestWebhookSubscriptionIsRefused(t *testing.T) {
	t.Parallel()
	w := townWorld()
	for field, s := range map[string]*notificationv1.Subscription{
		"":                        {},
		"subscription.preset":     {Preset: notificationv1.Subscription_PRESET_MY_THEMES},
		"subscription.mail":       {Mail: true},
		"subscription.frequency":  {Frequency: notificationv1.Subscription_FREQUENCY_DAILY},
		"subscription.digestTime": {DigestTime: "07:30"},
	} {
		s.DisplayName, s.Webhook = "S", "webhooks/w"
		if err := w.checkSubscription(s); field == "" && err != nil {
			t.Errorf("refused %v: %v", s, err)
		} else if field != "" {
			refused(t, field, err, codes.InvalidArgument, "INVALID_FIELD", field)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(themeChange("bauen", 1), change{"publicService", []string{"99102013002000"}, "publicServices/99102013002000", &cataloguev1.PublicService{Name: "publicServices/99102013002000"}, nil})
	st.write(townChange("05758000", ""), townChange("05758004", "05758000"))
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "Bünde", Municipality: buende, Themes: []string{"themes/bauen"}}).GetName()
	want := &notificationv1.Subscription{
		DisplayName: "Hundesteuer Bünde", Recipient: r, Topics: []string{"publicServices/99102013002000", "municipalities/05758004/implementations/99102013002000", "themes/bauen"},
		Preset: notificationv1.Subscription_PRESET_MY_MUNICIPALITY, Kinds: []notificationv1.Event_Kind{notificationv1.Event_KIND_ONLINE}, Frequency: notificationv1.Subscription_FREQUENCY_WEEKLY,
	}
	sub := s.subscribe(want)
	if sub.GetName() != "subscriptions/hundesteuer-buende" || !slices.Equal(sub.GetTopics(), want.GetTopics()) || sub.GetEtag() == "" {
		t.Errorf("added %v", sub)
	}
	off, err := s.client.UpdateSubscription(keyed(t), &notificationv1.UpdateSubscriptionRequest{
		Subscription: &notificationv1.Subscription{Name: sub.GetName(), Disabled: true, Etag: sub.GetEtag()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
	})
	if err != nil || !off.GetDisabled() || off.GetPreset() != want.GetPreset() {
		t.Errorf("switched off: %v, %v", off, err)
	}
	_, err = s.client.DeleteSubscription(keyed(t), &notificationv1.DeleteSubscriptionRequest{Name: sub.GetName(), Etag: sub.GetEtag()})
	refused(t, "an old version", err, codes.Aborted, "ETAG_MISMATCH", "")
	page, err := s.client.ListSubscriptions(t.Context(), &notificationv1.ListSubscriptionsRequest{Filter: `recipient="` + r + `" AND disabled=true`})
	if err != nil || page.GetTotalSize() != 1 || !proto.Equal(page.GetSubscriptions()[0], off) {
		t.Errorf("listed %v, %v", page, err)
	}
	if _, err := s.client.DeleteSubscription(keyed(t), &notificationv1.DeleteSubscriptionRequest{Name: sub.GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err = s.client.GetSubscription(t.Context(), &notificationv1.GetSubscriptionRequest{Name: sub.GetName()})
	refused(t, "gone", err, codes.NotFound, "RESOURCE_NOT_FOUND", "")
}
