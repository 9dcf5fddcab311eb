package search

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// lexicon is what the package knows beyond the documents, folded.
type lexicon struct {
	stops    map[string]bool
	parts    map[string]bool
	noParts  map[string]bool
	everyday map[string][]meaning // by word and by stem
	acts     map[string]bool      // stems of procedures
	spelled  []string             // the words above that somebody may mistype, sorted
}

// meaning is what an everyday word leads to.
type meaning struct {
	stem    string
	quality uint32
}

// theLexicon is prepared at first use, so that importing the package costs nothing.
var theLexicon = sync.OnceValue(func() *lexicon {
	l := &lexicon{
		stops: foldedSet(stopWords), parts: foldedSet(compoundParts), noParts: foldedSet(neverParts),
		everyday: make(map[string][]meaning), acts: make(map[string]bool),
	}
	for act := range foldedSet(procedures) {
		l.acts[stem(act)] = true
	}
	for line := range strings.Lines(everydayWords) {
		from, to, _ := strings.Cut(line, ":")
		same, related, _ := strings.Cut(to, "|")
		l.spelled = append(l.spelled, words(fold(from))...)
		l.teach(words(fold(from)), meanings(same, qualitySame), meanings(related, qualityRelated))
	}
	l.spelled = slices.AppendSeq(l.spelled, maps.Keys(l.parts))
	slices.Sort(l.spelled)
	l.spelled = slices.Compact(l.spelled)
	return l
})

func meanings(list string, quality uint32) []meaning {
	var all []meaning
	for _, w := range words(fold(list)) {
		all = append(all, meaning{stem(w), quality})
	}
	return all
}

// teach enters words and, where no other word claims them, their stems.
func (l *lexicon) teach(from []string, same, related []meaning) {
	meant := slices.Concat(same, related)
	for _, w := range from {
		l.everyday[w] = meant
		if s := stem(w); l.everyday[s] == nil {
			l.everyday[s] = meant
		}
	}
}

func foldedSet(list string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range words(fold(list)) {
		set[w] = true
	}
	return set
}

// stopWords carry no meaning in a question. They are indexed, and searched for only if nothing else was typed.
//
//nolint:gosec // German words, no credentials
const stopWords = `
der die das den dem des ein eine einen einem einer eines und oder aber auch nicht kein keine mit ohne von vom zu zum
zur in im ins an am auf aus bei beim bis durch für gegen nach über um unter vor als wie wo was wer wann welche welcher
welches ich du er sie es wir ihr mich mir mein meine meinen meinem meiner dein deine sein seine unser unsere ihre ist
sind war wird werden kann muss möchte will soll darf habe haben hat man bitte hier sich so dass wenn weil
`

// neverParts are words that occur alone but would cut other words at random places.
const neverParts = `
aber alle allem allen aller alles andere anderen anderer auch beim dass dessen deren dies diese diesem diesen dieser
dieses durch eine einem einen einer eines gegen haben ihre ihrem ihren ihrer ihres kein keine nach nicht oder ohne
sein seine sich sind sowie über unter vom von wegen wenn werden wird zum zur aus ein auf bei mit vor gen ung ent ver
ner ten ter ern ens lich ige igen schaft keit heit tion
`

// procedures are what is done with the object of a service; they tell services of one object apart, but who asks for a
// trade wants no car because both can be registered.
const procedures = `
anmelden abmelden ummelden melden beantragen antrag anzeigen anzeige verlängern ändern erteilen ausstellen ausstellung
genehmigen genehmigung erlauben erlaubnis bewilligen bewilligung gewähren gewährung festsetzen festsetzung feststellung
eintragen eintragung löschen registrieren registrierung zulassen zulassung umschreiben umtauschen umtausch ersetzen
befreien befreiung gestatten gestattung anerkennen anerkennung widerrufen widerruf rücknahme untersagen untersagung
berichtigen übermitteln ermitteln ermittlung aufheben aufhebung entziehen entziehung bekommen holen abholen bestellen
buchen bezahlen kündigen eröffnen beenden beendigung stilllegen stilllegung erneuern einreichen mitteilen mitteilung
`

// compoundParts are frequent parts of administrative compounds that may not occur alone among the documents.
const compoundParts = `
abbruch abfall abfuhr abgabe abwasser adresse agrar akte alter amt anlage anmeldung antrag anzeige apotheke arbeit
arbeitgeber arbeitnehmer archiv arzt asyl aufenthalt aufnahme aufsicht ausbildung ausgleich auskunft ausland ausnahme
aussiedler ausweis auto bau baum beamte bedarf begleitung behandlung behinderten behinderung behörde beihilfe beitrag
beratung bergbau beruf bescheid bescheinigung beschwerde bestattung betreuung betrieb bewilligung bewohner bibliothek
blinden boden brand brief buch bund bußgeld bürger chemikalien daten denkmal dienst diplom dünge ehe ehren eigentum
einfuhr einkommen einrichtung einwohner eltern energie entgelt entschädigung entsorgung erbe erbschaft erklärung
erlaubnis ermäßigung ersatz erteilung fach fahr fahrer fahrerlaubnis fahrt fahrzeug fall familie feier feuer feuerwehr
fischerei flucht flüchtling flug förderung forst frist führer führung führerschein fund futter garten gast gaststätte
gebäude gebühr gefahr gefahrgut gehölz geld gemeinde genehmigung gericht geschwister gesundheit gewässer gewerbe glücks
grab grenze grund grundschule grundstück gymnasium gutachten güter hafen haltung handel handwerk haus haushalt hebamme
heil heim heirat hilfe hochschule hof holz hund hygiene immobilien impf impfung industrie jagd jäger jahr jugend
kammer kampf karte kataster kauf kenn kennzeichen kinder kind kirche klage klasse klinik konto kontrolle kosten kraft
kraftfahrzeug kranken krankenhaus krankheit kredit kreis kultur kunde kurs land lande lärm leben lebensmittel lehrer
leistung lernmittel lizenz luft luftfahrt makler markt maß medien meister melde meldung miete mittel müll musik mutter
nachlass nachweis name natur neben netz notar ordnung organ pacht park parken pass person personal pfand pfandleiher
pflanze pflanzenschutz pflege pflicht plakette plan platz post preis produkt prüfung radio raum recht rechtsanwalt
recycling regelung register reise rente rettung rundfunk saison sache sammlung satzung schaden scheidung schein schiff
schießstätte schließung schlacht schul schule schüler schutz schwanger schwerbehinderten see siedlung sonder sozial
sparkasse speise sperr spiel spielhalle sport sprache staat stadt stand stätte station stelle sterbe steuer stiftung
stipendium stoff straf straße strahlen strom studien studium tag tages tätigkeit tanz taxi telefon tier tod tonne
transport trauung treib trink umwelt umzug unfall unterhalt unternehmen unterricht unterstützung urkunde urlaub
vater veranstaltung verband verbrauch verein verfahren vergnügung verkauf verkehr verlängerung vermessung vermögen
versammlung versicherung versorgung vertrag verwaltung verzeichnis vieh visum vormund vorsorge vertretung waffe wagen
wahl wald wasser wechsel weg wehr weide weiterbildung werbe werbung werk wertstoff wesen wild wind wirtschaft wissen
witwe wohn wohngeld wohnort wohnraum wohnsitz wohnung zahlung zahn zeit zeitung zertifikat zeugnis zins zoll
kfz pkw lkw zulassung zuschuss zweck zweit zweitwohnung
`

// everydayWords leads from what citizens say to what catalogues call it: word …: other names | what it is about.
const everydayWords = `
perso: personalausweis
ausweis: personalausweis
pass: reisepass
auto autos pkw: kfz kraftfahrzeug fahrzeug
kfz: kraftfahrzeug | fahrzeug
kraftfahrzeug: kfz | fahrzeug
fahrzeug: | kfz kraftfahrzeug
motorrad moped roller lkw: | kfz kraftfahrzeug fahrzeug
nummernschild autokennzeichen: kennzeichen | kfz fahrzeug
tüv: hauptuntersuchung
führerschein: fahrerlaubnis
fahrerlaubnis: führerschein
strafzettel knöllchen blitzer: verwarnung bußgeld ordnungswidrigkeit
parken parkplatz: | parkausweis parkerleichterung
anwohnerparken anwohner anwohnerparkausweis: bewohnerparkausweis | bewohner
heiraten hochzeit trauung: eheschließung | ehe
standesamt: | eheschließung geburt sterbefall
scheiden scheidung: ehescheidung | ehe
baby neugeborenes: geburt | geburtsurkunde
gestorben verstorben tod todesfall: sterbefall | sterbeurkunde
beerdigung begräbnis: bestattung | friedhof
umziehen umzug umgezogen: wohnsitz | ummeldung wohnung
adresse: | wohnsitz ummeldung
wohnung: | wohnsitz
ummelden: | änderung anmeldung
anmelden: | anzeige zulassung registrierung meldung
abmelden: | außerbetriebsetzung stilllegung beendigung anmeldung
eröffnen: | erlaubnis anmeldung anzeige gründung
meldebestätigung wohnsitzbestätigung: meldebescheinigung
müll: | abfall
abfall: | müll
mülltonne tonne: abfallbehälter | abfall
müllabfuhr: abfallentsorgung | abfall
schrott gerümpel: | sperrmüll abfall
sperrmüll: | abfallentsorgung
kita krippe kindergarten hort kitaplatz: kindertagesbetreuung kindertagesstätte kindertageseinrichtung | kindertagespflege
kindertagesbetreuung: kindertagesstätte kindertageseinrichtung | kindertagespflege
tagesmutter: kindertagespflege
unterhalt: | unterhaltsvorschuss
einschulen einschulung: schulaufnahme | schule
bafög: ausbildungsförderung
studieren uni universität: | hochschule studium
hartz bürgergeld: grundsicherung arbeitslosengeld
arbeitslos: | arbeitslosengeld arbeitslosigkeit
rente pension: | altersrente ruhestand
mietzuschuss: wohngeld
sozialwohnung: wohnberechtigungsschein
behindert behinderung: schwerbehinderung | schwerbehindertenausweis
schwerbehinderung: | schwerbehindertenausweis
firma geschäft laden selbstständig selbständig: gewerbe | unternehmen
unternehmen: | gewerbe
kneipe restaurant gaststätte lokal imbiss café: gaststättengewerbe gaststätte
alkohol ausschank: | gaststättengewerbe gestattung
handwerk handwerker: | handwerksrolle handwerkskammer handwerksbetrieb
bauen hausbau: | bau baugenehmigung bauvorhaben
bauantrag: baugenehmigung
bauvoranfrage voranfrage: bauvorbescheid baugenehmigung | vorbescheid
baugenehmigung: | bauantrag bauvorhaben
abreißen abriss: abbruch abbruchgenehmigung
carport garage anbau: | baugenehmigung
haus: | gebäude
baum baumfällung: | baumfällgenehmigung baumschutz
welpe: | hundesteuer hundehaltung
angeln angelschein fischen: fischereischein | fischerei
jagen: jagdschein | jagd
jagdschein: | jagd
waffe pistole: | waffenbesitzkarte waffenschein
waffenschein: | waffenbesitzkarte
feuerwerk böller: pyrotechnik
lagerfeuer osterfeuer: | feuer brauchtumsfeuer
einbürgern: einbürgerung | staatsangehörigkeit
ausländer: | aufenthaltstitel aufenthaltserlaubnis
visa: visum
flüchtling: | asyl
wählen briefwahl wahlkarte: wahlschein | wahl
polizeiliches: | führungszeugnis
verloren verlieren: verlust | fund
fundbüro gefunden: fund fundsache
gestohlen geklaut: diebstahl
kaputt schlagloch laterne: | mängel
beantragen antrag bekommen holen: | antrag ausstellung erteilung bewilligung gewährung
ändern: änderung
kündigen: | abmeldung
erlaubnis: | genehmigung gestattung
genehmigung: | erlaubnis gestattung
bezahlen: zahlung
grundstückssteuer: grundsteuer
bürgeramt einwohnermeldeamt: | wohnsitz meldebescheinigung personalausweis
`
