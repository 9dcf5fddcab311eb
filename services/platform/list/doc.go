// Package list is what every List method stands on: page tokens, AIP-160 filters and AIP-132 orders over the immutable
// items of a snapshot. A page without filter and order costs as much as the page, not as the list.
// It must never remember a client between two pages, and never let a token of one query be used for another.
package list
