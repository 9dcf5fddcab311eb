package catalogue

import (
	"testing"

	"google.golang.org/grpc/codes"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// TestEntries: every kind can be read and listed by its name, filter and order.
func TestEntries(t *testing.T) {
	t.Parallel()
	c, ctx := start(t), t.Context()
	c.load("Themenfeld\nUmwelt\nBildung\n")
	c.load("Lage;Themenfeld\nSchule;Bildung\nAbfall & Umweltschutz;Umwelt\n")
	c.load("OZG-ID;OZG-Leistung;Lebenslage;Geschäftslage;Themenfeld;Weitere Lagen\n10110;Abfallentsorgung;;Abfall & Umweltschutz;Umwelt;Schule\n10111;Schulanmeldung;Schule;;;\n")
	c.load("Verrichtungscode;Verrichtung\n1;Erteilung\n012;Ausstellung\n")
	theme, err := c.GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/umwelt"})
	if err != nil || theme.GetDisplayName() != "Umwelt" || !active(theme) {
		t.Errorf("%v %v", theme, err)
	}
	situation, err := c.GetSituation(ctx, &cataloguev1.GetSituationRequest{Name: "situations/abfall-umweltschutz"})
	if err != nil || situation.GetTheme() != "themes/umwelt" {
		t.Errorf("%v %v", situation, err)
	}
	ozg, err := c.GetOzgService(ctx, &cataloguev1.GetOzgServiceRequest{Name: "ozgServices/10110"})
	if err != nil || ozg.GetSituation() != "situations/abfall-umweltschutz" || len(ozg.GetSecondarySituations()) != 1 {
		t.Errorf("%v %v", ozg, err)
	}
	themes, err := c.ListThemes(ctx, &cataloguev1.ListThemesRequest{OrderBy: "display_name desc", PageSize: 1})
	if err != nil || themes.GetThemes()[0].GetDisplayName() != "Umwelt" || themes.GetTotalSize() != 2 || themes.GetNextPageToken() == "" {
		t.Errorf("%v %v", themes, err)
	}
	situations, err := c.ListSituations(ctx, &cataloguev1.ListSituationsRequest{Filter: `theme = "themes/bildung"`})
	if err != nil || situations.GetTotalSize() != 1 {
		t.Errorf("%v %v", situations, err)
	}
	services, err := c.ListOzgServices(ctx, &cataloguev1.ListOzgServicesRequest{})
	if err != nil || services.GetTotalSize() != 2 {
		t.Errorf("%v %v", services, err)
	}
	procedures, err := c.ListProcedures(ctx, &cataloguev1.ListProceduresRequest{})
	if err != nil || procedures.GetTotalSize() != 2 || procedures.GetProcedures()[0].GetCode() != "001" {
		t.Errorf("%v %v", procedures, err)
	}
}

// TestNotThere: what does not exist is NOT_FOUND, and nothing is written without a key.
func TestNotThere(t *testing.T) {
	t.Parallel()
	c, ctx := start(t), t.Context()
	_, err := c.GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/umwelt"})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.GetSituation(ctx, &cataloguev1.GetSituationRequest{Name: "situations/schule"})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.GetOzgService(ctx, &cataloguev1.GetOzgServiceRequest{Name: "ozgServices/10110"})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.GetPublicService(ctx, &cataloguev1.GetPublicServiceRequest{Name: name(1)})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.GetCatalogueRevision(ctx, &cataloguev1.GetCatalogueRevisionRequest{Name: "catalogueRevisions/1"})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.ListCatalogueChanges(ctx, &cataloguev1.ListCatalogueChangesRequest{Parent: "catalogueRevisions/1"})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.ImportCatalogue(ctx, &cataloguev1.ImportCatalogueRequest{File: []byte("id,name\n1,Umwelt\n")})
	refused(t, err, codes.Unauthenticated, "KEY_MISSING")
}
