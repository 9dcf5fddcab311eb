package municipality

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/tabular"
)

// placeColumns are the names that columns of municipalities and Kreise go by.
var placeColumns = map[string][]string{
	"ags":         {"schluessel", "gemeindeschluessel", "amtlicher_gemeindeschluessel"},
	"ars":         {"regionalschluessel", "amtlicher_regionalschluessel"},
	"name":        {"gemeinde", "gemeindename"},
	"short":       {"name_kurz", "kurzname", "display_name", "displayName"},
	"official":    {"official_name", "officialName", "amtlicher_name"},
	"kind":        {"typ", "art", "gemeindetyp"},
	"size_class":  {"groessenklasse", "sizeClass"},
	"population":  {"einwohner", "einwohnerzahl", "bevoelkerung"},
	"area_km2":    {"flaeche_km2", "flaeche", "areaKm2"},
	"latitude":    {"lat", "breitengrad", "breite"},
	"longitude":   {"lon", "lng", "laengengrad", "laenge"},
	"postal_code": {"plz", "plz_sitz", "postleitzahl", "postalCode"},
	"district":    {"kreis_schluessel", "kreisschluessel"},
	"region":      {"regierungsbezirk"},
	"data_centre": {"dataCentre", "rechenzentrum", "it_dienstleister"},
}

// mapPlaces finds the columns of places. A column "Kreis" stands for the Kreis only where none has its key: registers
// have both, and there it repeats the name.
func mapPlaces(table *tabular.Table) (tabular.Columns, error) {
	columns, err := table.Map(placeColumns)
	if err != nil || columns.Has("district") {
		return columns, err
	}
	with := maps.Clone(placeColumns)
	with["district"] = append(slices.Clone(with["district"]), kreis)
	return table.Map(with)
}

// kreis is the column that has keys in some tables and names in others.
const kreis = "kreis"

// centreColumns are the names that columns of data centres go by.
var centreColumns = map[string][]string{
	"id":   {},
	"name": {"display_name", "displayName", "bezeichnung"},
	"town": {"ort", "sitz"},
	"url":  {"website", "internet", "homepage"},
}

// foreign are columns that betray a table of another import: the first that is there decides.
var foreign = []struct{ columns, de, en, method string }{
	{"anbieter provider solution loesung coverage promised_date example", "Marktplatz", "marketplace", "solutions"},
	{"leika_key leika_schluessel leikaKey leika_id leika", "LeiKa-Leistungen", "LeiKa services", "catalogue:import"},
	{"ozg_id ozg_nr ozgId", "OZG-Leistungen", "OZG services", "catalogue:import"},
	{"verrichtung_code verrichtung", "Verrichtungen", "procedures", "catalogue:import"},
	{"target", "Zuständigkeiten", "relevance", "catalogue:import"},
	{"themenfeld themenfeld_id theme", "Lebenslagen", "situations", "catalogue:import"},
}

// readTable finds out from its header what a table is, and reads it.
func readTable(table *tabular.Table) (*delivery, error) {
	header := map[string]bool{}
	for _, name := range table.Header {
		header[tabular.NormalizeHeader(name)] = true
	}
	places, err := mapPlaces(table)
	if err != nil {
		return nil, unreadable(err, expected[0], expected[1])
	}
	isPlaces := places.Has("ags") || places.Has("ars")
	if isPlaces && hasAny(header, foreign[1].columns) {
		return nil, elsewhere("Umsetzungsstände", "implementation states", "municipalities/-/implementations:import")
	}
	if isPlaces {
		return readPlaces(table, places), nil
	}
	for _, f := range foreign {
		if hasAny(header, f.columns) {
			return nil, elsewhere(f.de, f.en, f.method)
		}
	}
	centres, err := table.Map(centreColumns)
	if err != nil {
		return nil, unreadable(err, expected[0], expected[1])
	}
	switch {
	case centres.Has("name") && (centres.Has("town") || centres.Has("url")):
		return readCentres(table, centres), nil
	case centres.Has("name") && centres.Has("id"):
		return nil, elsewhere("Themenfelder", "themes", "catalogue:import")
	}
	return nil, fault.New(fault.ImportUnreadable).Field("file",
		"hat keine Spalte, an der "+expected[0]+" zu erkennen wären", "has no column that tells "+expected[1])
}

// knownHeader tells whether a record is the header of a table of this import or of another one.
func knownHeader(header []string) bool {
	_, err := readTable(&tabular.Table{Header: header})
	var known *fault.Error
	return err == nil || errors.Is(err, &tabular.Error{Reason: tabular.DuplicateColumn}) ||
		errors.As(err, &known) && known.Reason() == fault.ImportElsewhere
}

func hasAny(header map[string]bool, columns string) bool {
	for _, name := range strings.Fields(columns) {
		if header[tabular.NormalizeHeader(name)] {
			return true
		}
	}
	return false
}

// slug is a name in the form of an id: "krz Minden/Ravensberg-Lippe" is "krz-minden-ravensberg-lippe".
func slug(name string) string { return strings.ReplaceAll(tabular.NormalizeHeader(name), "_", "-") }
