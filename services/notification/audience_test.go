package notification

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// tableOf is a table of resources by their names.
func tableOf[T interface{ GetName() string }](all ...T) state.Table[T] {
	edit := state.NewTable[T]().Edit()
	for _, one := range all {
		edit.Set(one.GetName(), one)
	}
	return edit.Done()
}

// townWorld is a state with Bünde and Herford in one Kreis, three recipients and a webhook.
func townWorld(subscriptions ...*notificationv1.Subscription) world {
	w := emptyWorld()
	known := w.directory.known.Edit()
	known.Set(buende, &knownTown)
	known.Set(herford, &knownTown)
	known.Set(kreis, &knownKreis)
	w.directory.known = known.Done()
	w.recipients = tableOf(
		&notificationv1.Recipient{Name: "recipients/a", Municipality: buende, Themes: []string{"themes/steuern", "themes/bauen"}, Actors: []string{"apikeys/a"}},
		&notificationv1.Recipient{Name: "recipients/b"},
		&notificationv1.Recipient{Name: "recipients/kreis", Municipality: kreis},
	)
	w.webhooks = tableOf(&notificationv1.Webhook{Name: "webhooks/w", Owner: "recipients/b"}, &notificationv1.Webhook{Name: "webhooks/alone"})
	w.subscriptions = tableOf(subscriptions...)
	w.derive()
	return w
}

const (
	buende  = "municipalities/05758004"
	herford = "municipalities/05758012"
	kreis   = "municipalities/05758000"
)

var (
	knownTown  = known{displayName: "Stadt", above: []string{kreis, "dataCentres/krz"}}
	knownKreis = known{displayName: "Kreis", above: []string{"dataCentres/krz"}}
)

func TestWhoIsConcerned(t *testing.T) {
	t.Parallel()
	const (
		myTown   = notificationv1.Subscription_PRESET_MY_MUNICIPALITY
		myThemes = notificationv1.Subscription_PRESET_MY_THEMES
		online   = notificationv1.Event_KIND_ONLINE
		plan     = notificationv1.Event_KIND_PLAN
		failing  = notificationv1.Event_KIND_WEBHOOK_FAILING
	)
	town := func(kind notificationv1.Event_Kind, who string) *notificationv1.Event { // what happens in a town
		return &notificationv1.Event{
			Kind: kind, Actor: "apikeys/x", Resources: []string{who + "/implementations/1"},
			Topics: []string{who + "/implementations/1", who, kreis, "dataCentres/krz", "publicServices/1", "themes/steuern"},
		}
	}
	own := town(online, buende)
	own.Actor = "apikeys/a"
	doing := &notificationv1.Event{Kind: plan, Resources: []string{kreis + "/plan"}, Topics: []string{kreis + "/plan", kreis}}
	to := func(recipient string, s *notificationv1.Subscription) *notificationv1.Subscription {
		s.Name, s.Recipient = "subscriptions/s", "recipients/"+recipient
		return s
	}
	for _, c := range []struct {
		name         string
		subscription *notificationv1.Subscription
		event        *notificationv1.Event
		want         bool
	}{
		{"everything", to("a", &notificationv1.Subscription{}), town(online, herford), true},
		{"a topic of several", to("a", &notificationv1.Subscription{Topics: []string{"themes/x", "themes/steuern"}}), town(online, herford), true},
		{"other topics", to("a", &notificationv1.Subscription{Topics: []string{"themes/x"}}), town(online, herford), false},
		{"a topic that another begins with", to("a", &notificationv1.Subscription{Topics: []string{"themes/steuer"}}), town(online, herford), false},
		{"the Kreis as a topic is all of its towns", to("b", &notificationv1.Subscription{Topics: []string{kreis}}), town(online, herford), true},
		{"a kind", to("a", &notificationv1.Subscription{Kinds: []notificationv1.Event_Kind{plan, online}}), town(online, herford), true},
		{"another kind", to("a", &notificationv1.Subscription{Kinds: []notificationv1.Event_Kind{plan}}), town(online, herford), false},
		{"switched off", to("a", &notificationv1.Subscription{Disabled: true}), town(online, herford), false},
		{"own doing", to("a", &notificationv1.Subscription{}), own, false},
		{"own doing, wanted", to("a", &notificationv1.Subscription{IncludeOwn: true}), own, true},
		{"the doing of another recipient", to("b", &notificationv1.Subscription{}), own, true},
		{"a recipient that is gone", to("gone", &notificationv1.Subscription{}), own, false},
		{"my town", to("a", &notificationv1.Subscription{Preset: myTown}), town(online, buende), true},
		{"my town, not its neighbour", to("a", &notificationv1.Subscription{Preset: myTown}), town(online, herford), false},
		{"my town: what its Kreis does itself", to("a", &notificationv1.Subscription{Preset: myTown}), doing, true},
		{"my town is a Kreis", to("kreis", &notificationv1.Subscription{Preset: myTown}), town(online, herford), true},
		{"my town, other kind", to("a", &notificationv1.Subscription{Preset: myTown, Kinds: []notificationv1.Event_Kind{plan}}), town(online, buende), false},
		{"my town, but there is none any more", to("b", &notificationv1.Subscription{Preset: myTown}), town(online, buende), false},
		{"my themes", to("a", &notificationv1.Subscription{Preset: myThemes}), town(online, herford), true},
		{"my themes and topics", to("a", &notificationv1.Subscription{Preset: myThemes, Topics: []string{kreis}}), doing, true},
		{"not my themes", to("a", &notificationv1.Subscription{Preset: myThemes}), doing, false},
		{"a failing webhook is no news for others", to("a", &notificationv1.Subscription{}), &notificationv1.Event{Kind: failing, Resource: "webhooks/alone"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hits := townWorld(c.subscription).concerned(c.event)
			want := []*notificationv1.Hit{{Recipient: c.subscription.GetRecipient(), Subscriptions: []string{c.subscription.GetName()}}}
			if !c.want {
				want = nil
			}
			if !sameHits(hits, want) {
				t.Errorf("%v, want %v", hits, want)
			}
		})
	}
}

func sameHits(a, b []*notificationv1.Hit) bool {
	return slices.EqualFunc(a, b, func(x, y *notificationv1.Hit) bool { return proto.Equal(x, y) })
}

// TestHitsByAddressee: who has several subscriptions is told once, a webhook as well, and a failing one tells its owner alone.
func TestHitsByAddressee(t *testing.T) {
	t.Parallel()
	w := townWorld(
		&notificationv1.Subscription{Name: "subscriptions/3", Recipient: "recipients/a"},
		&notificationv1.Subscription{Name: "subscriptions/2", Webhook: "webhooks/w", Topics: []string{buende}},
		&notificationv1.Subscription{Name: "subscriptions/1", Recipient: "recipients/b"},
		&notificationv1.Subscription{Name: "subscriptions/0", Recipient: "recipients/a", Topics: []string{buende, kreis}},
		&notificationv1.Subscription{Name: "subscriptions/4", Webhook: "webhooks/gone"},
	)
	got := w.concerned(&notificationv1.Event{Topics: []string{buende, kreis}})
	if want := []*notificationv1.Hit{
		{Recipient: "recipients/a", Subscriptions: []string{"subscriptions/0", "subscriptions/3"}},
		{Recipient: "recipients/b", Subscriptions: []string{"subscriptions/1"}},
		{Webhook: "webhooks/w", Subscriptions: []string{"subscriptions/2"}},
	}; !sameHits(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got = w.concerned(&notificationv1.Event{Kind: notificationv1.Event_KIND_WEBHOOK_FAILING, Resource: "webhooks/w"})
	if want := []*notificationv1.Hit{{Recipient: "recipients/b"}}; !sameHits(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestAudienceFollows: the index is made anew when its inputs change, and only then.
func TestAudienceFollows(t *testing.T) {
	t.Parallel()
	w := townWorld(&notificationv1.Subscription{Name: "subscriptions/1", Recipient: "recipients/a", Preset: notificationv1.Subscription_PRESET_MY_MUNICIPALITY})
	change := func(service, entity string, m proto.Message) world {
		t.Helper()
		after, err := apply(w, ledger.Name{Origin: "test", Service: service}, []ledger.Entry{{
			Subject: "kompass.test." + service + "." + entity + ".x", Record: &ledgerv1.Record{Resource: m.(interface{ GetName() string }).GetName()}, Entity: m,
		}}, false)
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	doing := &notificationv1.Event{Resources: []string{"municipalities/05999000/plan"}}
	if hits := w.concerned(doing); len(hits) != 0 {
		t.Errorf("another Kreis: %v", hits)
	}
	if after := change(municipalityStream, "municipality", &municipalityv1.Municipality{Name: buende, District: "municipalities/05999000"}); len(after.concerned(doing)) != 1 {
		t.Error("a town went to another Kreis, unnoticed")
	}
	if after := change(municipalityStream, "portal", &municipalityv1.Portal{Name: "portals/p"}); after.audience() != w.audience() {
		t.Error("made anew for a portal")
	}
	if after := change(ownStream, "subscription", &notificationv1.Subscription{Name: "subscriptions/1", Recipient: "recipients/a"}); len(after.concerned(doing)) != 1 {
		t.Error("a subscription changed, unnoticed")
	}
	if after := change(ownStream, "recipient", &notificationv1.Recipient{Name: "recipients/a", Municipality: "municipalities/05999000"}); len(after.concerned(&notificationv1.Event{Topics: []string{"municipalities/05999000"}})) != 1 {
		t.Error("a recipient moved, unnoticed")
	}
}

// TestKindsFitTheIndex: a kind is a bit of 64.
func TestKindsFitTheIndex(t *testing.T) {
	t.Parallel()
	for kind, name := range notificationv1.Event_Kind_name {
		if kind >= 64 {
			t.Errorf("%s = %d", name, kind)
		}
	}
}

// TestAudienceIsLikeAskingEach compares the index with asking each subscription, in random worlds.
func TestAudienceIsLikeAskingEach(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(1, seed))
	for range 300 {
		w := randomWorld(rng, 1+rng.IntN(90))
		for range 10 {
			event := randomEvent(rng)
			var want []string
			for _, s := range w.subscriptions.All() {
				if w.wants(s, event) {
					want = append(want, s.GetRecipient()+" "+s.GetName())
				}
			}
			slices.Sort(want)
			var got []string
			for _, hit := range w.concerned(event) {
				for _, s := range hit.GetSubscriptions() {
					got = append(got, hit.GetRecipient()+" "+s)
				}
			}
			if !slices.Equal(got, want) { // the index gives them in order
				t.Fatalf("seed %d: %v: %v, want %v", seed, event, got, want)
			}
		}
	}
}

// wants asks one subscription, in the words of the contract.
func (w world) wants(s *notificationv1.Subscription, e *notificationv1.Event) bool {
	r, ok := w.recipients.Get(s.GetRecipient())
	if !ok || s.GetDisabled() || len(s.GetKinds()) > 0 && !slices.Contains(s.GetKinds(), e.GetKind()) {
		return false
	}
	if slices.Contains(r.GetActors(), e.GetActor()) && !s.GetIncludeOwn() {
		return false
	}
	about := func(topics ...string) bool {
		return slices.ContainsFunc(e.GetTopics(), func(t string) bool { return slices.Contains(topics, t) })
	}
	switch s.GetPreset() {
	case notificationv1.Subscription_PRESET_MY_MUNICIPALITY:
		kreis := w.directory.kreisOf(r.GetMunicipality())
		byKreis := kreis != "" && slices.ContainsFunc(e.GetResources(), func(r string) bool { return parentOf(r) == kreis })
		return about(s.GetTopics()...) || r.GetMunicipality() != "" && about(r.GetMunicipality()) || byKreis
	case notificationv1.Subscription_PRESET_MY_THEMES:
		return about(s.GetTopics()...) || about(r.GetThemes()...)
	}
	return len(s.GetTopics()) == 0 || about(s.GetTopics()...)
}

var someTopics = []string{buende, herford, kreis, "themes/steuern", "themes/bauen", "themes/x", "publicServices/1", "publicServices/2", "solutions/s"}

func some(rng *rand.Rand, from []string, most int) (chosen []string) {
	for range rng.IntN(most + 1) {
		if one := from[rng.IntN(len(from))]; !slices.Contains(chosen, one) {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

func randomWorld(rng *rand.Rand, subscriptions int) world {
	var all []*notificationv1.Subscription
	for i := range subscriptions {
		s := &notificationv1.Subscription{
			Name:       "subscriptions/" + strconv.Itoa(rng.IntN(1000)+1000*i),
			Recipient:  "recipients/" + []string{"a", "b", "kreis", "gone"}[rng.IntN(4)],
			Topics:     some(rng, someTopics, 4),
			Preset:     notificationv1.Subscription_Preset(rng.IntN(3)),
			IncludeOwn: rng.IntN(2) == 0, Disabled: rng.IntN(8) == 0,
		}
		for range rng.IntN(3) {
			s.Kinds = append(s.Kinds, notificationv1.Event_Kind(1+rng.IntN(4)))
		}
		all = append(all, s)
	}
	return townWorld(all...)
}

func randomEvent(rng *rand.Rand) *notificationv1.Event {
	return &notificationv1.Event{
		Kind: notificationv1.Event_Kind(1 + rng.IntN(4)), Actor: []string{"apikeys/a", "apikeys/b", ""}[rng.IntN(3)],
		Topics: some(rng, someTopics, 5), Resources: some(rng, []string{kreis + "/plan", buende + "/plan", kreis, "solutions/s"}, 2),
	}
}

// countryWorld has so many subscriptions: a tenth to everything, the others to their town, and to services.
func countryWorld(subscriptions int) world {
	var recipients []*notificationv1.Recipient
	var all []*notificationv1.Subscription
	w := emptyWorld()
	edit := w.directory.known.Edit()
	for i := range subscriptions {
		town := fmt.Sprintf("municipalities/%08d", i)
		edit.Set(town, &known{above: []string{fmt.Sprintf("municipalities/%08d", 90000000+i/30)}})
		r := &notificationv1.Recipient{Name: fmt.Sprintf("recipients/ozg-%05d", i), Municipality: town, Actors: []string{fmt.Sprint("apikeys/", i)}}
		s := &notificationv1.Subscription{Name: fmt.Sprintf("subscriptions/s-%05d", i), Recipient: r.GetName()}
		switch {
		case i%10 == 0:
		case i%2 == 0:
			s.Preset = notificationv1.Subscription_PRESET_MY_MUNICIPALITY
		default:
			for j := range 20 {
				s.Topics = append(s.Topics, fmt.Sprint("publicServices/", (i*7+j)%575))
			}
			s.Kinds = []notificationv1.Event_Kind{notificationv1.Event_KIND_ONLINE, notificationv1.Event_KIND_SOLUTION_PUBLISHED}
		}
		recipients, all = append(recipients, r), append(all, s)
	}
	w.directory.known = edit.Done()
	w.recipients, w.subscriptions = tableOf(recipients...), tableOf(all...)
	w.derive()
	return w
}

// BenchmarkAudience asks 10,000 subscriptions about an event of one town, one that everybody hears of, and one of a whole catalogue; and
// builds the index.
func BenchmarkAudience(b *testing.B) {
	w := countryWorld(10_000)
	town := &notificationv1.Event{Kind: notificationv1.Event_KIND_ONLINE, Actor: "apikeys/x", Resources: []string{"municipalities/00000002/implementations/5"},
		Topics: []string{"municipalities/00000002/implementations/5", "municipalities/00000002", "publicServices/5", "ozgServices/10000", "themes/x"}}
	catalogue := &notificationv1.Event{Kind: notificationv1.Event_KIND_CATALOGUE_REVISION}
	for i := range 9000 {
		catalogue.Topics = append(catalogue.Topics, fmt.Sprint("publicServices/", i))
	}
	everybody := countryWorld(10_000)
	var all []*notificationv1.Subscription
	for _, s := range everybody.subscriptions.All() {
		all = append(all, &notificationv1.Subscription{Name: s.GetName(), Recipient: s.GetRecipient()})
	}
	everybody.subscriptions = tableOf(all...)
	everybody.derive()
	for _, c := range []struct {
		name  string
		world world
		event *notificationv1.Event
	}{{"town", w, town}, {"catalogue", w, catalogue}, {"everybody", everybody, town}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			hits := 0
			for b.Loop() {
				hits = len(c.world.concerned(c.event))
			}
			b.ReportMetric(float64(hits), "hits")
		})
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.newAudience()
		}
	})
}
