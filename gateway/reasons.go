package gateway

import (
	"net/http"
	"regexp"

	"google.golang.org/grpc/codes"
)

// Reason explains one machine-readable reason of a problem.
type Reason struct {
	// Name in UPPER_SNAKE_CASE, as in the problem's member "reason".
	Name string
	// Code is the gRPC code that it travels with.
	Code codes.Code
	// DE and EN are what people read.
	DE, EN string

	status int // HTTP status when it does not follow from the code
}

var ownReasons []*Reason

func own(name string, code codes.Code, status int, de, en string) *Reason {
	r := &Reason{Name: name, Code: code, DE: de, EN: en, status: status}
	ownReasons = append(ownReasons, r)
	return r
}

// What the edge itself refuses. Names that the services use too mean the same there.
var (
	reasonPathUnknown = own("PATH_UNKNOWN", codes.NotFound, http.StatusNotFound,
		"Diesen Pfad gibt es nicht. Was es gibt, steht unter /docs.",
		"There is no such path. /docs lists what there is.")
	reasonInvalidPath = own("INVALID_PATH", codes.InvalidArgument, http.StatusBadRequest,
		"Der Pfad der Anfrage ist nicht richtig kodiert.",
		"The path of the request is not encoded correctly.")
	reasonMethodNotAllowed = own("METHOD_NOT_ALLOWED", codes.Unimplemented, http.StatusMethodNotAllowed,
		"Diese Methode gibt es für den Pfad nicht; die Kopfzeile „Allow“ nennt die erlaubten.",
		"The path does not have this method; the header \"Allow\" lists those it has.")
	reasonUnknownParameter = own("UNKNOWN_PARAMETER", codes.InvalidArgument, http.StatusBadRequest,
		"Die Anfrage hat Parameter, die es hier nicht gibt.",
		"The request has parameters that do not exist here.")
	reasonInvalidParameter = own("INVALID_PARAMETER", codes.InvalidArgument, http.StatusBadRequest,
		"Die Anfrage hat Parameter mit ungültigem Wert.",
		"The request has parameters with an invalid value.")
	reasonInvalidHeader = own("INVALID_HEADER", codes.InvalidArgument, http.StatusBadRequest,
		"Eine Kopfzeile der Anfrage ist nicht lesbar.",
		"A header of the request cannot be read.")
	reasonInvalidJSON = own("INVALID_JSON", codes.InvalidArgument, http.StatusBadRequest,
		"Der Inhalt der Anfrage ist kein gültiges JSON.",
		"The body of the request is not valid JSON.")
	reasonUnknownField = own("UNKNOWN_FIELD", codes.InvalidArgument, http.StatusBadRequest,
		"Der Inhalt der Anfrage hat Felder, die es dort nicht gibt.",
		"The body of the request has fields that do not exist there.")
	reasonInvalidField = own("INVALID_FIELD", codes.InvalidArgument, http.StatusBadRequest,
		"Die Anfrage enthält ungültige Angaben.",
		"The request has invalid fields.")
	reasonNameMismatch = own("NAME_MISMATCH", codes.InvalidArgument, http.StatusBadRequest,
		"Der Name im Inhalt ist ein anderer als im Pfad.",
		"The name in the body is not that of the path.")
	reasonNothingToChange = own("NOTHING_TO_CHANGE", codes.InvalidArgument, http.StatusBadRequest,
		"Die Anfrage nennt kein Feld, das sich ändern lässt.",
		"The request names no field that can be changed.")
	reasonUploadBroken = own("UPLOAD_BROKEN", codes.InvalidArgument, http.StatusBadRequest,
		"Die Datei ist nicht vollständig oder nicht lesbar angekommen.",
		"The file did not arrive complete or readable.")
	reasonInvalidRequest = own("INVALID_REQUEST", codes.InvalidArgument, http.StatusBadRequest,
		"Die Anfrage ist ungültig.",
		"The request is not valid.")
	reasonUnsupportedMedia = own("UNSUPPORTED_MEDIA_TYPE", codes.InvalidArgument, http.StatusUnsupportedMediaType,
		"Der Inhalt muss JSON sein (Kopfzeile „Content-Type: application/json“), unkomprimiert oder mit gzip.",
		"The body has to be JSON (header \"Content-Type: application/json\"), uncompressed or with gzip.")
	reasonTooLarge = own("TOO_LARGE", codes.ResourceExhausted, http.StatusRequestEntityTooLarge,
		"Die Anfrage ist zu groß.",
		"The request is too large.")
	reasonAnswerTooLarge = own("ANSWER_TOO_LARGE", codes.ResourceExhausted, http.StatusUnprocessableEntity,
		"Die Antwort würde zu groß. Bitte mit kleinerem „pageSize“ in mehreren Seiten lesen oder enger filtern.",
		"The answer would be too large. Read it in several pages with a smaller pageSize, or filter more narrowly.")
	reasonTooMany = own("TOO_MANY_REQUESTS", codes.ResourceExhausted, http.StatusTooManyRequests,
		"Es sind zu viele Anfragen. Bitte später noch einmal versuchen.",
		"There are too many requests. Please retry later.")
	reasonKeyMissing = own("KEY_MISSING", codes.Unauthenticated, http.StatusUnauthorized,
		"Dafür wird ein Schlüssel gebraucht (Kopfzeile „Authorization: Bearer …“).",
		"This needs a key (header \"Authorization: Bearer …\").")
	reasonPermission = own("PERMISSION_DENIED", codes.PermissionDenied, http.StatusForbidden,
		"Dazu fehlt die Berechtigung.",
		"This is not permitted.")
	reasonNotFound = own("RESOURCE_NOT_FOUND", codes.NotFound, http.StatusNotFound,
		"Das gibt es nicht.",
		"That does not exist.")
	reasonExists = own("RESOURCE_ALREADY_EXISTS", codes.AlreadyExists, http.StatusConflict,
		"Das gibt es bereits.",
		"That exists already.")
	reasonStateForbids = own("STATE_FORBIDS", codes.FailedPrecondition, http.StatusConflict,
		"Im jetzigen Zustand ist das nicht möglich.",
		"The present state does not allow this.")
	reasonConflict = own("CONCURRENT_CHANGE", codes.Aborted, http.StatusConflict,
		"Das wird gerade von anderer Stelle geändert. Bitte noch einmal versuchen.",
		"That is being changed by someone else. Please retry.")
	reasonNotOffered = own("METHOD_NOT_OFFERED", codes.Unimplemented, http.StatusNotImplemented,
		"Diese Funktion wird hier nicht angeboten.",
		"This method is not offered here.")
	reasonUnavailable = own("SERVICE_UNAVAILABLE", codes.Unavailable, http.StatusServiceUnavailable,
		"Der Dienst ist gerade nicht erreichbar. Bitte gleich noch einmal versuchen.",
		"The service cannot be reached at the moment. Please retry shortly.")
	reasonBusy = own("TOO_MANY_IMPORTS", codes.Unavailable, http.StatusServiceUnavailable,
		"Es laufen schon zu viele Importe. Bitte gleich noch einmal versuchen.",
		"Too many imports are running. Please retry shortly.")
	reasonTimeout = own("DEADLINE_EXCEEDED", codes.DeadlineExceeded, http.StatusGatewayTimeout,
		"Die Anfrage hat zu lange gedauert.",
		"The request took too long.")
	reasonCancelled = own("REQUEST_CANCELLED", codes.Canceled, statusClientClosed,
		"Die Anfrage wurde abgebrochen.",
		"The request was cancelled.")
	reasonInternal = own("INTERNAL", codes.Internal, http.StatusInternalServerError,
		"Es ist ein interner Fehler aufgetreten.",
		"An internal error occurred.")
)

// statusClientClosed is what proxies log for a client that went away; nobody receives it.
const statusClientClosed = 499

// reasonEtagMismatch is the one ABORTED that is a failed precondition of HTTP.
const reasonEtagMismatch = "ETAG_MISMATCH"

// placeholder is a part of a text that each problem fills in its own way.
var placeholder = regexp.MustCompile(`\{\w+\}`)

// reasonTable joins the edge's reasons with the services', whose texts say more where both have a name.
func reasonTable(services []Reason) map[string]Reason {
	table := make(map[string]Reason, len(ownReasons)+len(services))
	for _, r := range ownReasons {
		table[r.Name] = *r
	}
	for _, r := range services {
		r.status = table[r.Name].status
		r.DE, r.EN = placeholder.ReplaceAllString(r.DE, "…"), placeholder.ReplaceAllString(r.EN, "…")
		table[r.Name] = r
	}
	return table
}

// reasonOf names a status that brings no reason of its own; its text is not ours to show.
func reasonOf(code codes.Code) *Reason {
	switch code {
	case codes.InvalidArgument, codes.OutOfRange:
		return reasonInvalidRequest
	case codes.NotFound:
		return reasonNotFound
	case codes.AlreadyExists:
		return reasonExists
	case codes.PermissionDenied:
		return reasonPermission
	case codes.Unauthenticated:
		return reasonKeyMissing
	case codes.ResourceExhausted:
		return reasonTooMany
	case codes.FailedPrecondition:
		return reasonStateForbids
	case codes.Aborted:
		return reasonConflict
	case codes.Unimplemented:
		return reasonNotOffered
	case codes.Unavailable:
		return reasonUnavailable
	case codes.DeadlineExceeded:
		return reasonTimeout
	case codes.Canceled:
		return reasonCancelled
	}
	return reasonInternal
}

// statusOf maps a gRPC code and its reason to the HTTP status.
func statusOf(code codes.Code, reason string) int {
	switch reason {
	case reasonEtagMismatch:
		return http.StatusPreconditionFailed
	case reasonTooLarge.Name:
		return http.StatusRequestEntityTooLarge
	case reasonAnswerTooLarge.Name:
		return reasonAnswerTooLarge.status
	}
	return reasonOf(code).status
}

// titleOf names a status in German and English.
func titleOf(status int) (de, en string) {
	switch status {
	case http.StatusBadRequest:
		return "Ungültige Anfrage", "Invalid request"
	case http.StatusUnauthorized:
		return "Anmeldung nötig", "Authentication needed"
	case http.StatusForbidden:
		return "Nicht erlaubt", "Not permitted"
	case http.StatusNotFound:
		return "Nicht gefunden", "Not found"
	case http.StatusMethodNotAllowed:
		return "Methode nicht erlaubt", "Method not allowed"
	case http.StatusConflict:
		return "Konflikt mit dem jetzigen Stand", "Conflict with the present state"
	case http.StatusPreconditionFailed:
		return "Inzwischen geändert", "Changed in the meantime"
	case http.StatusRequestEntityTooLarge:
		return "Zu groß", "Too large"
	case http.StatusUnprocessableEntity:
		return "So nicht zu beantworten", "Cannot be answered like this"
	case http.StatusUnsupportedMediaType:
		return "Format nicht unterstützt", "Unsupported format"
	case http.StatusTooManyRequests:
		return "Zu viele Anfragen", "Too many requests"
	case statusClientClosed:
		return "Abgebrochen", "Cancelled"
	case http.StatusNotImplemented:
		return "Nicht angeboten", "Not offered"
	case http.StatusServiceUnavailable:
		return "Gerade nicht erreichbar", "Unavailable at the moment"
	case http.StatusGatewayTimeout:
		return "Zeit abgelaufen", "Time ran out"
	}
	return "Interner Fehler", "Internal error"
}
