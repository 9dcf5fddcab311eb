package municipality

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func goodPortal() *municipalityv1.Portal {
	return &municipalityv1.Portal{
		Name: "portals/lemgo", DisplayName: "Serviceportal Lemgo", Municipality: "municipalities/05766044",
		Product: "Muster", Url: "https://Service.Lemgo.example:8443/start", Wave: 2, WaveDate: "2027-09-01",
		Phase: municipalityv1.Portal_PHASE_PUBLISHED, PhaseDate: "2026-11-23",
		Modules: []*municipalityv1.PortalModule{{DisplayName: "Urkunden", PlannedDate: "2027-01-01", LiveDate: "2026-11-23"}},
	}
}

func TestCheckPortal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*municipalityv1.Portal)
		fields []string
	}{
		"good":              {func(*municipalityv1.Portal) {}, nil},
		"blank name":        {func(p *municipalityv1.Portal) { p.DisplayName = " " }, []string{"portal.displayName"}},
		"no municipality":   {func(p *municipalityv1.Portal) { p.Municipality = "" }, []string{"portal.municipality"}},
		"published nowhere": {func(p *municipalityv1.Portal) { p.Url = "" }, []string{"portal.url"}},
		"not yet published": {func(p *municipalityv1.Portal) { p.Url, p.Phase = "", municipalityv1.Portal_PHASE_FILLING }, nil},
		"no day":            {func(p *municipalityv1.Portal) { p.WaveDate = "2027-02-30" }, []string{"portal.waveDate"}},
		"phase of tomorrow": {func(p *municipalityv1.Portal) { p.PhaseDate = "2026-11-24" }, []string{"portal.phaseDate"}},
		"live tomorrow":     {func(p *municipalityv1.Portal) { p.Modules[0].LiveDate = "2026-11-24" }, []string{"portal.modules[0].liveDate"}},
		"module on no day":  {func(p *municipalityv1.Portal) { p.Modules[0].PlannedDate = "2027-04-31" }, []string{"portal.modules[0].plannedDate"}},
		"two at once":       {func(p *municipalityv1.Portal) { p.DisplayName, p.PhaseDate = "", "2026-02-29" }, []string{"portal.displayName", "portal.phaseDate"}},
	} {
		p := goodPortal()
		c.change(p)
		_, fields := reasonOf(checkPortal(p, "2026-11-23"))
		if fmt.Sprint(fields) != fmt.Sprint(c.fields) {
			t.Errorf("%s: blames %v, want %v", name, fields, c.fields)
		}
	}
}

func TestHostOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"": "", "https://A.example:443/x": "a.example", "http://a.example": "a.example", "https://[::1]:8/": "::1", "%": "",
	} {
		if got := hostOf(address); got != want {
			t.Errorf("%q has the host %q, want %q", address, got, want)
		}
	}
}

func TestPortals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := smallWorldIn(t, dir)
	wanted := goodPortal()
	wanted.PhaseDate, wanted.PublishedServices = "", 99
	create := &municipalityv1.CreatePortalRequest{Portal: wanted, RequestId: "r1", ValidateOnly: true}
	would, err := w.client.CreatePortal(w.ctx, create)
	must(t, err)
	_, err = w.client.GetPortal(w.ctx, &municipalityv1.GetPortalRequest{Name: "portals/serviceportal-lemgo"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	create.ValidateOnly = false
	made, err := w.client.CreatePortal(w.ctx, create)
	must(t, err)
	again, err := w.client.CreatePortal(w.ctx, create)
	must(t, err)
	if made.GetName() != "portals/serviceportal-lemgo" || made.GetPhaseDate() != "2026-11-23" || made.GetPublishedServices() != 0 || made.GetEtag() == "" {
		t.Errorf("made: %v", made)
	}
	if !proto.Equal(made, again) || would.GetName() != made.GetName() || would.GetEtag() != "" {
		t.Errorf("made %v\nagain %v\nwould %v", made, again, would)
	}
	_, err = w.client.CreatePortal(w.ctx, &municipalityv1.CreatePortalRequest{Portal: wanted})
	wantReason(t, err, "RESOURCE_ALREADY_EXISTS")
	_, err = w.client.CreatePortal(w.ctx, &municipalityv1.CreatePortalRequest{Portal: &municipalityv1.Portal{DisplayName: "X", Municipality: "municipalities/01001001"}})
	wantReason(t, err, "UNKNOWN_REFERENCE", "portal.municipality")

	for key, address := range map[string]string{dogTax: "https://service.lemgo.EXAMPLE/hund", waste: "https://muell.example", marriage: ""} {
		w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", key), Phase: municipalityv1.Implementation_PHASE_ONLINE, Url: address})
	}
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", building), Phase: planned, Url: "https://service.lemgo.example/bau"})
	counted, err := w.client.GetPortal(w.ctx, &municipalityv1.GetPortalRequest{Name: made.GetName()})
	must(t, err)
	if counted.GetPublishedServices() != 2 || counted.GetServicesOnPortal() != 1 || counted.GetEtag() != made.GetEtag() {
		t.Errorf("counted: %v", counted)
	}

	update := &municipalityv1.UpdatePortalRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"wave"}},
		Portal: &municipalityv1.Portal{Name: made.GetName(), Wave: 3, Etag: made.GetEtag()}}
	updated, err := w.client.UpdatePortal(w.ctx, update)
	must(t, err)
	if updated.GetWave() != 3 || updated.GetEtag() == made.GetEtag() || updated.GetPublishedServices() != 2 || updated.GetDisplayName() == "" {
		t.Errorf("updated: %v", updated)
	}
	_, err = w.client.UpdatePortal(w.ctx, update)
	wantReason(t, err, "ETAG_MISMATCH")
	_, err = w.client.UpdatePortal(w.ctx, &municipalityv1.UpdatePortalRequest{Portal: &municipalityv1.Portal{Name: "portals/x.y", Wave: 1}})
	wantReason(t, err, "INVALID_FIELD", "portal.name")

	list := &municipalityv1.ListPortalsRequest{Filter: "published_services = 2"}
	before, err := w.client.ListPortals(w.ctx, list)
	must(t, err)
	w.stop()
	w = openWorld(t, dir)
	after, err := w.client.ListPortals(w.ctx, list)
	must(t, err)
	if before.GetTotalSize() != 1 || !proto.Equal(before, after) {
		t.Errorf("before the restart %v, after it %v", before, after)
	}
	board, err := w.client.GetPortalBoard(w.ctx, &municipalityv1.GetPortalBoardRequest{})
	must(t, err)
	if len(board.GetWaves()) != 1 || board.GetWaves()[0].GetPublishedServices() != 2 || board.GetWaves()[0].GetPublished() != 1 {
		t.Errorf("board: %v", board)
	}
}

func TestPortalPhaseIsDated(t *testing.T) {
	t.Parallel()
	const filling, installed = municipalityv1.Portal_PHASE_FILLING, municipalityv1.Portal_PHASE_INSTALLED
	before := &municipalityv1.Portal{Phase: installed, PhaseDate: "2026-01-01"}
	for _, c := range []struct {
		phase      municipalityv1.Portal_Phase
		date, want string
	}{
		{filling, "2026-01-01", "2026-11-23"}, {filling, "2026-02-02", "2026-02-02"}, {filling, "", "2026-11-23"}, {installed, "2026-01-01", "2026-01-01"},
	} {
		after := &municipalityv1.Portal{Phase: c.phase, PhaseDate: c.date}
		settlePortalDate(before, after, "2026-11-23")
		if after.GetPhaseDate() != c.want {
			t.Errorf("%v of %q is dated %q, want %q", c.phase, c.date, after.GetPhaseDate(), c.want)
		}
	}
}

func TestPortalBoard(t *testing.T) {
	t.Parallel()
	portal := func(name string, wave int32, date string, phase municipalityv1.Portal_Phase) *municipalityv1.Portal {
		return &municipalityv1.Portal{Name: portals + name, DisplayName: name, Wave: wave, WaveDate: date, Phase: phase, PublishedServices: 2}
	}
	var b strings.Builder
	for _, w := range boardOf([]*municipalityv1.Portal{
		portal("d", 0, "", 1), portal("c", 2, "2021-09-02", 2), portal("b", 2, "2021-09-01", 3), portal("a", 1, "", 4), portal("e", 2, "", 0),
	}).GetWaves() {
		fmt.Fprintf(&b, "%d %s %d/%d/%d/%d %d", w.GetWave(), w.GetWaveDate(), w.GetPlanned(), w.GetInstalled(), w.GetFilling(), w.GetPublished(), w.GetPublishedServices())
		for _, p := range w.GetPortals() {
			b.WriteString(" " + p.GetDisplayName())
		}
		b.WriteString("\n")
	}
	if want := "1  0/0/0/1 2 a\n2 2021-09-01 1/1/1/0 6 b c e\n0  1/0/0/0 2 d\n"; b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}
