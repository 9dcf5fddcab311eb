package fault

import "google.golang.org/grpc/codes"

// The table of reasons, grouped by code. Placeholders in braces are filled from the key/value pairs given to [New];
// German and English name the same ones.
var (
	// NotFound: there is no such resource. Placeholder: resource (its name).
	NotFound = register("RESOURCE_NOT_FOUND", codes.NotFound,
		"„{resource}“ gibt es nicht.",
		"{resource} does not exist.")
	// AlreadyExists: the resource is there already. Placeholder: resource (its name).
	AlreadyExists = register("RESOURCE_ALREADY_EXISTS", codes.AlreadyExists,
		"„{resource}“ gibt es bereits.",
		"{resource} already exists.")
	// RequestIDReused: the request id was used for a different request. Placeholder: requestId.
	RequestIDReused = register("REQUEST_ID_REUSED", codes.AlreadyExists,
		"Die Kennung „{requestId}“ gehört bereits zu einer anderen Anfrage.",
		"The request id {requestId} already belongs to a different request.")

	// EtagMismatch: somebody else changed the resource since it was read; 412 at the edge. Placeholder: resource.
	EtagMismatch = register("ETAG_MISMATCH", codes.Aborted,
		"„{resource}“ wurde inzwischen geändert. Bitte neu laden und noch einmal versuchen.",
		"{resource} has changed in the meantime. Read it again and retry.")
	// Conflict: changes at the same moment got in each other's way, retries included. Placeholder: resource.
	Conflict = register("CONCURRENT_CHANGE", codes.Aborted,
		"„{resource}“ wird gerade von anderer Stelle geändert. Bitte noch einmal versuchen.",
		"{resource} is being changed by someone else. Please retry.")

	// InvalidField: one or more fields are not valid; the field violations say which.
	InvalidField = register("INVALID_FIELD", codes.InvalidArgument,
		"Die Anfrage enthält ungültige Angaben.",
		"The request has invalid fields.")
	// UnknownReference: a field names a resource that does not exist. Placeholder: resource (what it names).
	UnknownReference = register("UNKNOWN_REFERENCE", codes.InvalidArgument,
		"Die Anfrage verweist auf „{resource}“, das es nicht gibt.",
		"The request refers to {resource}, which does not exist.")
	// InvalidPageToken: the page token is damaged or belongs to another query.
	InvalidPageToken = register("INVALID_PAGE_TOKEN", codes.InvalidArgument,
		"Die Seitenmarke ist beschädigt oder gehört zu einer anderen Abfrage. Bitte mit der ersten Seite beginnen.",
		"The page token is damaged or belongs to a different query. Start again with the first page.")
	// InvalidFilter: the filter cannot be read, or names a field or value that does not fit. Placeholder: position (of the character, from 1).
	InvalidFilter = register("INVALID_FILTER", codes.InvalidArgument,
		"Der Filter ist an Stelle {position} nicht gültig.",
		"The filter is not valid at position {position}.")
	// InvalidOrder: order_by cannot be read or names a field that cannot be ordered by. Placeholder: order (the term).
	InvalidOrder = register("INVALID_ORDER", codes.InvalidArgument,
		"Nach „{order}“ kann nicht sortiert werden.",
		"Cannot order by {order}.")
	// InvalidFieldMask: the mask names a field that does not exist or that clients cannot set. Placeholder: path.
	InvalidFieldMask = register("INVALID_FIELD_MASK", codes.InvalidArgument,
		"Das Feld „{path}“ kann nicht geändert werden.",
		"The field {path} cannot be changed.")
	// InvalidRevision: the kompass-revision that came with the request was not made by this platform.
	InvalidRevision = register("INVALID_REVISION", codes.InvalidArgument,
		"Die mitgesandte Revision ist nicht lesbar.",
		"The revision sent with the request cannot be read.")
	// ImportUnreadable: the file is not of a known format, or damaged; a violation of the field "file" says what is wrong.
	ImportUnreadable = register("IMPORT_UNREADABLE", codes.InvalidArgument,
		"Die Datei ist nicht lesbar.",
		"The file cannot be read.")
	// ImportElsewhere: the file is a table of another service. Placeholders: table (what it is), path (where it belongs).
	ImportElsewhere = register("IMPORT_BELONGS_ELSEWHERE", codes.InvalidArgument,
		"Die Datei enthält eine Tabelle der Art „{table}“. Sie gehört zu {path}.",
		"The file holds a table of kind {table}. It belongs to {path}.")
	// ImportBadRows: rows cannot be taken; the import report among the details names them. Placeholder: count.
	ImportBadRows = register("IMPORT_BAD_ROWS", codes.InvalidArgument,
		"Der Import wurde abgelehnt: fehlerhafte Zeilen: {count}. Es wurde nichts übernommen.",
		"The import was refused: rows in error: {count}. Nothing was taken over.")

	// StateForbids: the resource is in a state that does not allow this. Placeholders: resource, state.
	StateForbids = register("STATE_FORBIDS", codes.FailedPrecondition,
		"Im Zustand {state} ist das für „{resource}“ nicht möglich.",
		"{resource} is in state {state}, which does not allow this.")
	// WebhookUnproven: the address did not agree to be called; a violation of the field "url" says what came back.
	// Placeholders: resource, class (what happened, as in the log of deliveries).
	WebhookUnproven = register("WEBHOOK_UNPROVEN", codes.FailedPrecondition,
		"Die Adresse von „{resource}“ hat nicht zugestimmt, gerufen zu werden ({class}).",
		"The address of {resource} did not agree to be called ({class}).")
	// MailOff: mail is not set up here; the field violations say what would need it.
	MailOff = register("MAIL_OFF", codes.FailedPrecondition,
		"Mail ist hier nicht eingerichtet.",
		"Mail is not set up here.")
	// ImportEmpty: the file has a header at most.
	ImportEmpty = register("IMPORT_EMPTY", codes.FailedPrecondition,
		"Die Datei enthält keine Zeilen. Es wurde nichts übernommen.",
		"The file has no rows. Nothing was taken over.")
	// ImportUnused: the file is in order but holds only what this import does not take. Placeholder: objects (which).
	ImportUnused = register("IMPORT_HAS_NOTHING_TO_TAKE", codes.FailedPrecondition,
		"Die Lieferung enthält nur Objekte, die dieser Import nicht verwendet ({objects}). Es wurde nichts übernommen.",
		"The delivery holds only objects that this import does not use ({objects}). Nothing was taken over.")
	// ImportShrinks: the file would withdraw too much. Placeholders: withdrawn, before (active entries), added (counts).
	ImportShrinks = register("IMPORT_SHRINKS_CATALOGUE", codes.FailedPrecondition,
		"Von {before} Einträgen entfielen {withdrawn}, also mehr als 20 %; neu kämen {added} hinzu. Mit „force“ wird der Import trotzdem übernommen.",
		"Of {before} entries {withdrawn} would be withdrawn, more than 20 %; {added} would be new. Use force to take the import anyway.")

	// Unauthenticated: the call needs a key and has none.
	Unauthenticated = register("KEY_MISSING", codes.Unauthenticated,
		"Dafür wird ein Schlüssel gebraucht (Kopfzeile „Authorization: Bearer …“).",
		"This needs a key (header \"Authorization: Bearer …\").")
	// KeyInvalid: the call has a key that nobody issued.
	KeyInvalid = register("KEY_INVALID", codes.Unauthenticated,
		"Der Schlüssel ist nicht gültig.",
		"The key is not valid.")
	// TokenInvalid: the token of a mail is not, or not any more, the right one.
	TokenInvalid = register("TOKEN_INVALID", codes.PermissionDenied,
		"Dieser Link gilt nicht oder nicht mehr.",
		"This link is not valid, or not any more.")
	// PermissionDenied: the caller is known and may not do this.
	PermissionDenied = register("PERMISSION_DENIED", codes.PermissionDenied,
		"Dazu fehlt die Berechtigung.",
		"This is not permitted.")

	// TooLarge: what was sent is larger than allowed. Placeholder: limit (with its unit).
	TooLarge = register("TOO_LARGE", codes.ResourceExhausted,
		"Die Anfrage ist zu groß; erlaubt sind {limit}.",
		"The request is too large; the limit is {limit}.")

	// NotCaughtUp: this replica has not seen the revision that the request asks for in time.
	NotCaughtUp = register("REPLICA_BEHIND", codes.Unavailable,
		"Der verlangte Stand ist hier noch nicht angekommen. Bitte gleich noch einmal versuchen.",
		"The requested revision has not arrived here yet. Please retry shortly.")
	// StreamBroken: the ledger holds a record that cannot be trusted; an operator has to look.
	StreamBroken = register("LEDGER_BROKEN", codes.Unavailable,
		"Das Hauptbuch ist beschädigt; der Betrieb muss eingreifen.",
		"The ledger is damaged; an operator has to step in.")
	// StorageUnavailable: the ledger cannot be reached or does not acknowledge.
	StorageUnavailable = register("STORAGE_UNAVAILABLE", codes.Unavailable,
		"Der Speicher ist gerade nicht erreichbar. Bitte später noch einmal versuchen.",
		"The storage cannot be reached at the moment. Please retry later.")

	// TooManyStreams: this replica has as many open streams as it bears. Placeholder: limit.
	TooManyStreams = register("TOO_MANY_STREAMS", codes.Unavailable,
		"Hier sind bereits {limit} Ereignisströme offen. Bitte später noch einmal versuchen.",
		"There are {limit} open streams of events here already. Please retry later.")

	// DeadlineExceeded: the time of the request ran out.
	DeadlineExceeded = register("DEADLINE_EXCEEDED", codes.DeadlineExceeded,
		"Die Anfrage hat zu lange gedauert.",
		"The request took too long.")
	// Cancelled: the client gave up.
	Cancelled = register("REQUEST_CANCELLED", codes.Canceled,
		"Die Anfrage wurde abgebrochen.",
		"The request was cancelled.")
	// Unimplemented: the method is part of the contract but not offered here.
	Unimplemented = register("METHOD_NOT_OFFERED", codes.Unimplemented,
		"Diese Funktion wird hier nicht angeboten.",
		"This method is not offered here.")
	// Internal: a defect of the platform; the log has the cause under the request id.
	Internal = register("INTERNAL", codes.Internal,
		"Es ist ein interner Fehler aufgetreten.",
		"An internal error occurred.")
)
