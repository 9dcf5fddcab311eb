// Package catalogue is the service that knows what counts as a public service: themes, situations, OZG services, LeiKa
// entries, procedures, and which size classes owe them.
// Files change it, whole and at one moment or not at all, and every import that changes something is a revision.
// It must never let an import touch what people decided (relevance, successors), nor forget an entry that was withdrawn.
package catalogue
