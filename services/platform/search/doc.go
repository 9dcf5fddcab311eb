// Package search ranks some thousands of short German texts, such as the names of public services, against what a
// citizen or a clerk types. It folds umlauts, stems, knows the parts of compounds, prefixes, everyday synonyms and
// single typing errors; an Index is built once, immutable, and safe for any number of concurrent readers.
// It must never read a clock, a file, the network or randomness: equal documents and queries give equal results on
// every replica.
package search
